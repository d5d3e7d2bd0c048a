import assert from "node:assert/strict";
import { test } from "node:test";
import { qrCode, renderQrCode } from "../../../src/cli/login/qr-code.ts";

const modules = qrCode("https://example.com/device?user_code=WDJB-MJHT") ?? [];

/** Light modules as a camera sees them on a terminal that shows light ink on a dark ground. */
function look(text: string): boolean[][] {
  const light = { "█": [true, true], "▀": [true, false], "▄": [false, true], " ": [false, false] };
  return text
    .trimEnd()
    .split("\n")
    .flatMap((line) => [0, 1].map((half) => [...line].map((ink) => light[ink as keyof typeof light][half] ?? false)));
}

test("what is drawn is the symbol, dark on light, within a quiet zone of four modules", () => {
  const seen = look(renderQrCode(modules, { color: false, columns: 80 }) ?? "");
  assert.equal(seen.length, modules.length + 9, "the last line's lower half is quiet too");
  for (const [y, row] of seen.entries()) {
    assert.equal(row.length, modules.length + 8);
    for (const [x, light] of row.entries()) assert.equal(light, !modules[y - 4]?.[x - 4], `${y} ${x}`);
  }
});

test("with color every line sets black and white itself, and resets the terminal", () => {
  const plain = renderQrCode(modules, { color: false, columns: 80 })?.split("\n");
  const colored = renderQrCode(modules, { color: true, columns: 80 })?.split("\n");
  assert.equal(colored?.length, plain?.length);
  for (const [index, line] of (colored ?? []).slice(0, -1).entries())
    assert.equal(line, `\x1b[38;5;231;48;5;16m${plain?.[index]}\x1b[0m`);
});

test("without color there is no escape sequence at all", () => {
  assert.match(renderQrCode(modules, { color: false, columns: 80 }) ?? "", /^[█▀▄ \n]+$/);
});

test("a narrow terminal gets a quiet zone of two, and one that is narrower still gets no code", () => {
  const width = (columns: number): number | undefined =>
    renderQrCode(modules, { color: false, columns })?.indexOf("\n");
  assert.equal(width(modules.length + 8), modules.length + 8);
  assert.equal(width(modules.length + 7), modules.length + 4);
  assert.equal(width(modules.length + 4), modules.length + 4);
  assert.equal(width(modules.length + 3), undefined);
});
