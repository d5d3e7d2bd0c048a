import assert from "node:assert/strict";
import { test } from "node:test";
import { qrCode, type QrModules } from "../../../src/cli/login/qr-code.ts";

const draw = (modules: QrModules | undefined): string[] =>
  (modules ?? []).map((row) => row.map((dark) => (dark ? "#" : ".")).join(""));

/** Bits at these places, the first one the most significant, as ISO/IEC 18004 prints them. */
const read = (modules: QrModules | undefined, places: [row: number, column: number][]): string =>
  places.map(([row, column]) => (modules?.at(row)?.at(column) ? "1" : "0")).join("");

// ISO/IEC 18004, table of the format information sequences, by level and mask.
const formats = {
  L: [
    "111011111000100",
    "111001011110011",
    "111110110101010",
    "111100010011101",
    "110011000101111",
    "110001100011000",
    "110110001000001",
    "110100101110110",
  ],
  M: [
    "101010000010010",
    "101000100100101",
    "101111001111100",
    "101101101001011",
    "100010111111001",
    "100000011001110",
    "100111110010111",
    "100101010100000",
  ],
};

// ISO/IEC 18004, table of the version information bit streams.
const versions = ["000111110010010100", "001000010110111100", "001001101010011001", "001010010011010011"];

test("a user code gives the same symbol as another encoder", () => {
  assert.deepEqual(draw(qrCode("WDJB-MJHT")), [
    "#######...###.#######",
    "#.....#..#....#.....#",
    "#.###.#.#####.#.###.#",
    "#.###.#.####..#.###.#",
    "#.###.#.##..#.#.###.#",
    "#.....#.#.##..#.....#",
    "#######.#.#.#.#######",
    "........#............",
    "#.#####..###..#####..",
    "........#####.##.##..",
    ".#.##.#.....#.....##.",
    "...#...#...###.######",
    "####.###..#.##.##.##.",
    "........##..##.#...#.",
    "#######..###.......#.",
    "#.....#.#........###.",
    "#.###.#.##.#....#.#.#",
    "#.###.#.##.#####..#..",
    "#.###.#.##..#.#......",
    "#.....#...#####...#..",
    "#######.##..#...#..#.",
  ]);
});

for (const level of ["L", "M"] as const)
  test(`level ${level}: both copies of the format information are a sequence of the standard's table`, () => {
    const seen = new Set<string>();
    for (let length = 1; length <= 60; length++) {
      const modules = qrCode("a".repeat(length), level);
      const first = read(modules, [
        [8, 0],
        [8, 1],
        [8, 2],
        [8, 3],
        [8, 4],
        [8, 5],
        [8, 7],
        [8, 8],
        [7, 8],
        [5, 8],
        [4, 8],
        [3, 8],
        [2, 8],
        [1, 8],
        [0, 8],
      ]);
      const second = read(modules, [
        [-1, 8],
        [-2, 8],
        [-3, 8],
        [-4, 8],
        [-5, 8],
        [-6, 8],
        [-7, 8],
        [8, -8],
        [8, -7],
        [8, -6],
        [8, -5],
        [8, -4],
        [8, -3],
        [8, -2],
        [8, -1],
      ]);
      assert.ok(formats[level].includes(first), first);
      assert.equal(second, first);
      assert.equal(modules?.at(-8)?.[8], true, "the dark module");
      seen.add(first);
    }
    assert.ok(seen.size > 4, "the mask depends on the text");
  });

test("versions 7 to 10 carry the version information of the standard's table, twice; smaller ones carry none", () => {
  for (const [index, expected] of versions.entries()) {
    const modules = qrCode("a".repeat([154, 192, 230, 271][index] ?? 0), "L");
    assert.equal(modules?.length, 17 + 4 * (7 + index));
    const places = Array.from({ length: 18 }, (_, i): [number, number] => [5 - Math.floor(i / 3), -9 - (i % 3)]);
    assert.equal(read(modules, places), expected);
    assert.equal(
      read(
        modules,
        places.map(([row, column]) => [column, row]),
      ),
      expected,
    );
  }
});

test("the symbol is the smallest that holds the text, by the standard's table of capacities", () => {
  const capacities = {
    L: [17, 32, 53, 78, 106, 134, 154, 192, 230, 271],
    M: [14, 26, 42, 62, 84, 106, 122, 152, 180, 213],
  };
  for (const level of ["L", "M"] as const)
    for (const [index, capacity] of capacities[level].entries()) {
      assert.equal(qrCode("x".repeat(capacity), level)?.length, 21 + 4 * index);
      assert.equal(qrCode("x".repeat(capacity + 1), level)?.length, index === 9 ? undefined : 25 + 4 * index);
    }
});

test("the better error correction is used if it costs no larger symbol", () => {
  const text = (length: number): string => "y".repeat(length);
  assert.deepEqual(qrCode(text(26)), qrCode(text(26), "M"));
  assert.deepEqual(qrCode(text(27)), qrCode(text(27), "L"));
});

test("length is counted in bytes of UTF-8, not in characters", () => {
  assert.equal(qrCode("ü".repeat(135), "L")?.length, 57);
  assert.equal(qrCode("ü".repeat(136), "L"), undefined);
});

test("an empty text is a symbol too", () => {
  assert.equal(qrCode("")?.length, 21);
});
