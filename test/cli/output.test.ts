import assert from "node:assert/strict";
import { test } from "node:test";
import { createOutput, type Output } from "../../src/cli/output.ts";

/** What appears on a terminal, or elsewhere, with these variables. */
function written(isTTY: boolean, env: Record<string, string>, say: (out: Output) => void): string {
  let text = "";
  const stream = { isTTY, write: (piece: string | Uint8Array) => (text += piece) };
  say(createOutput({ stdout: stream, stderr: stream, env }, () => ""));
  return text;
}

test("color is for terminals; FORCE_COLOR forces it, NO_COLOR and a dumb terminal forbid it, and no variable changes the words", () => {
  const said = (isTTY: boolean, env: Record<string, string>): string => written(isTTY, env, (out) => out.error("no"));
  const [plain, red] = ["error: no\n", "\u001b[31merror:\u001b[0m no\n"];
  assert.deepEqual(
    [said(false, {}), said(false, { FORCE_COLOR: "1" }), said(false, { FORCE_COLOR: "0" })],
    [plain, red, plain],
  );
  assert.deepEqual(
    [said(true, {}), said(true, { NO_COLOR: "1" }), said(true, { FORCE_COLOR: "0" }), said(true, { TERM: "dumb" })],
    [red, plain, plain, plain],
  );
  assert.deepEqual([said(true, { NO_COLOR: "1", FORCE_COLOR: "1" }), said(true, { NO_COLOR: "" })], [red, red]);
});

test("a URL is a link where the terminal is known to have links, and plain text elsewhere", () => {
  const shown = (isTTY: boolean, env: Record<string, string>): string =>
    written(isTTY, env, (out) => out.address("https://a.example/?b=c"));
  const [plain, link] = [
    "\n  https://a.example/?b=c\n\n",
    "\n  \u001b]8;;https://a.example/?b=c\u001b\\https://a.example/?b=c\u001b]8;;\u001b\\\n\n",
  ];
  assert.deepEqual([shown(true, { VTE_VERSION: "7600" }), shown(true, { WT_SESSION: "1" })], [link, link]);
  assert.deepEqual(
    [
      shown(true, {}),
      shown(true, { VTE_VERSION: "4000" }),
      shown(true, { VTE_VERSION: "7600", TERM: "dumb" }),
      shown(false, { VTE_VERSION: "7600" }),
    ],
    [plain, plain, plain, plain],
  );
});
