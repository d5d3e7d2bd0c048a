import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { qrCode, type QrModules } from "../../src/cli/login/qr-code.ts";

type Level = "L" | "M";

const decodeWithPeer = createRequire(import.meta.url)("jsqr") as (
  pixels: Uint8ClampedArray,
  width: number,
  height: number,
) => { binaryData: number[] } | null;
const { create: encodeWithPeer } = createRequire(import.meta.url)("qrcode") as {
  create(
    segments: { data: Buffer; mode: "byte" }[],
    options: object,
  ): { modules: { get(row: number, column: number): number } };
};

/** Deterministic printable ASCII, by seed. */
function sample(length: number, seed: number): string {
  let state = seed * 2654435761 + length;
  const next = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 8;
  return Array.from({ length }, () => String.fromCharCode(33 + (next() % 94))).join("");
}

const versionOf = (modules: QrModules): number => (modules.length - 17) / 4;

/** The format information next to the first finder pattern. */
function formatOf(modules: QrModules): { level: Level | undefined; mask: number } {
  const bits = [0, 1, 2, 3, 4].map((column) => Number(modules[8]?.[column])).join("");
  const data = Number.parseInt(bits, 2) ^ 0b10101;
  return { level: ({ 1: "L", 0: "M" } as const)[data >> 3], mask: data & 7 };
}

/** By version and level, where every codeword is data. */
const longest = new Map<string, number>();
for (const level of ["L", "M"] as const)
  for (let length = 1; ; length++) {
    const modules = qrCode("a".repeat(length), level);
    if (modules === undefined) break;
    longest.set(`${versionOf(modules)}-${level}`, length);
  }

/** Until every mask was chosen once. */
function everyMask(version: number, level: Level): { text: string; modules: QrModules; mask: number }[] {
  const length = longest.get(`${version}-${level}`);
  assert.ok(length !== undefined, `version ${version}, level ${level} is never chosen`);
  const found = new Map<number, { text: string; modules: QrModules; mask: number }>();
  for (let seed = 0; found.size < 8; seed++) {
    assert.ok(
      seed < 1000,
      `version ${version}, level ${level}: only masks ${[...found.keys()].join()} were ever chosen`,
    );
    const text = sample(length - (seed % 4), seed); // full, and with some padding
    const modules = qrCode(text, level);
    assert.ok(modules !== undefined);
    const format = formatOf(modules);
    assert.equal(versionOf(modules), version);
    assert.equal(format.level, level);
    if (!found.has(format.mask)) found.set(format.mask, { text, modules, mask: format.mask });
  }
  return [...found.values()];
}

function decode(modules: QrModules, quiet = 4, inverted = false): string | undefined {
  const scale = 3;
  const side = (modules.length + 2 * quiet) * scale;
  const pixels = new Uint8ClampedArray(side * side * 4).fill(255);
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const dark = modules[Math.floor(y / scale) - quiet]?.[Math.floor(x / scale) - quiet] ?? false;
      pixels.fill(dark !== inverted ? 0 : 255, (y * side + x) * 4, (y * side + x) * 4 + 3);
    }
  const found = decodeWithPeer(pixels, side, side);
  return found === null ? undefined : Buffer.from(found.binaryData).toString("utf8");
}

for (const level of ["L", "M"] as const)
  for (let version = 1; version <= 10; version++)
    test(`version ${version}, level ${level}: another library reads the text with every mask, and encodes it to the same modules`, () => {
      for (const { text, modules, mask } of everyMask(version, level)) {
        assert.equal(decode(modules), text, `mask ${mask}`);
        // A reader corrects a few wrong modules silently.
        const peer = encodeWithPeer([{ data: Buffer.from(text), mode: "byte" }], {
          version,
          errorCorrectionLevel: level,
          maskPattern: mask as 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7,
        }).modules;
        const rows = modules.map((_, row) => modules.map((_, column) => peer.get(row, column) === 1));
        assert.deepEqual(modules, rows, `mask ${mask}`);
      }
    });

test("a URL with a code is read with a quiet zone of 2, and with the colors the other way round", () => {
  const text = "https://example.com/device?user_code=WDJB-MJHT";
  const modules = qrCode(text);
  assert.ok(modules !== undefined);
  assert.equal(decode(modules, 2), text);
  assert.equal(decode(modules, 4, true), text);
});

test("text beyond ASCII is read as the UTF-8 that went in", () => {
  const text = "https://example.com/gerät?code=ÄÖ-猫";
  const modules = qrCode(text);
  assert.ok(modules !== undefined);
  assert.equal(decode(modules), text);
});
