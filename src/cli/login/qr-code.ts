/** A QR code's modules by row, `true` for dark, without the quiet zone. */
export type QrModules = readonly (readonly boolean[])[];

type Level = "L" | "M";

// ISO/IEC 18004 "Error correction characteristics", versions 1 to 10: longer than any URL for a person. `bits`: in the
// format information.
const codewords = [26, 44, 70, 100, 134, 172, 196, 242, 292, 346];
const levels = {
  L: { bits: 0b01, ecc: [7, 10, 15, 20, 26, 18, 20, 24, 30, 18], blocks: [1, 1, 1, 1, 1, 2, 2, 2, 2, 4] },
  M: { bits: 0b00, ecc: [10, 16, 26, 18, 24, 16, 18, 22, 22, 26], blocks: [1, 1, 1, 2, 2, 4, 4, 4, 5, 5] },
};

// "Data mask patterns": i is the row, j the column.
const masks: readonly ((i: number, j: number) => boolean)[] = [
  (i, j) => (i + j) % 2 === 0,
  (i) => i % 2 === 0,
  (_, j) => j % 3 === 0,
  (i, j) => (i + j) % 3 === 0,
  (i, j) => ((i >> 1) + Math.floor(j / 3)) % 2 === 0,
  (i, j) => ((i * j) % 2) + ((i * j) % 3) === 0,
  (i, j) => (((i * j) % 2) + ((i * j) % 3)) % 2 === 0,
  (i, j) => (((i + j) % 2) + ((i * j) % 3)) % 2 === 0,
];

/**
 * ISO/IEC 18004, byte mode only: URLs mix cases, which denser modes cannot hold. UTF-8 without an ECI designator:
 * readers detect UTF-8, and some cannot skip the designator.
 *
 * @param level - of error correction; by default L, or M if that needs no larger symbol
 * @returns `undefined` if the text does not fit
 */
export function qrCode(text: string, level?: Level): QrModules | undefined {
  const bytes = Buffer.from(text, "utf8");
  // Mode, count and terminator: two bytes up to version 9, three from 10 on ("Number of bits in character count").
  const fits = (version: number, level: Level): boolean =>
    bytes.length + (version < 10 ? 2 : 3) <= dataCapacity(version, level);
  const version = codewords.findIndex((_, index) => fits(index + 1, level ?? "L")) + 1;
  if (version === 0) return undefined;
  const chosen = level ?? (fits(version, "M") ? "M" : "L");

  const stream = interleave(dataCodewords(bytes, version, chosen), version, chosen);
  const symbols = masks.map((_, mask) => symbol(stream, version, chosen, mask));
  const penalties = symbols.map(penalty);
  return symbols[penalties.indexOf(Math.min(...penalties))];
}

function dataCapacity(version: number, level: Level): number {
  return codewords[version - 1]! - levels[level].ecc[version - 1]! * levels[level].blocks[version - 1]!;
}

/** "Byte mode", "Terminator", "Pad": indicator and terminator have four bits, so hexadecimal digits fit. */
function dataCodewords(bytes: Buffer, version: number, level: Level): Buffer {
  const count = bytes.length.toString(16).padStart(version < 10 ? 2 : 4, "0");
  const data = Buffer.from(`4${count}${bytes.toString("hex")}0`, "hex");
  return Buffer.concat([data, Buffer.alloc(dataCapacity(version, level) - data.length, "ec11", "hex")]);
}

/** "Constructing the final message codeword sequence": interleaved, so that a smudge spares most of each block. */
function interleave(data: Buffer, version: number, level: Level): number[] {
  const count = levels[level].blocks[version - 1]!;
  const longer = data.length % count; // the last blocks have one more codeword
  const start = (block: number): number =>
    block * Math.floor(data.length / count) + Math.max(0, block - (count - longer));
  const blocks = Array.from({ length: count }, (_, block) => [...data.subarray(start(block), start(block + 1))]);
  const ecc = blocks.map((block) => errorCorrection(block, levels[level].ecc[version - 1]!));
  const turns = (rows: number[][]): number[] =>
    [...rows.at(-1)!.keys()].flatMap((turn) => rows.flatMap((row) => row.slice(turn, turn + 1)));
  return [...turns(blocks), ...turns(ecc)];
}

/** "Error correction coding": the remainder by the product of (x - α^i), in GF(2^8) over x^8 + x^4 + x^3 + x^2 + 1. */
function errorCorrection(data: number[], count: number): number[] {
  let generator = [1];
  for (let i = 0, root = 1; i < count; i++, root = multiply(root, 2))
    generator = [...generator, 0].map((factor, at) => factor ^ multiply(generator[at - 1] ?? 0, root));
  const rest = [...data, ...new Array<number>(count).fill(0)];
  for (let i = 0; i < data.length; i++) {
    const lead = rest[i]!;
    for (const [at, factor] of generator.entries()) rest[i + at]! ^= multiply(factor, lead);
  }
  return rest.slice(data.length);
}

function multiply(a: number, b: number): number {
  let product = 0;
  for (let bit = 7; bit >= 0; bit--) product = (product << 1) ^ ((product >> 7) * 0x11d) ^ (((b >> bit) & 1) * a);
  return product;
}

/** Value and BCH remainder: "Format information" and "Version information". */
function protect(value: number, generator: number): number {
  const shifted = value << (31 - Math.clz32(generator));
  let rest = shifted;
  while (Math.clz32(rest) <= Math.clz32(generator)) rest ^= generator << (Math.clz32(generator) - Math.clz32(rest));
  return shifted | rest;
}

/** One whole symbol: "Function patterns", then "Codeword placement", with the mask on the codewords alone. */
function symbol(stream: number[], version: number, level: Level, mask: number): boolean[][] {
  const size = 17 + 4 * version;
  const grid: (boolean | undefined)[][] = Array.from({ length: size }, () =>
    new Array<undefined>(size).fill(undefined),
  );
  const set = (row: number, column: number, dark: boolean): void => {
    if (row >= 0 && row < size && column >= 0 && column < size) grid[row]![column] = dark;
  };
  const square = (row: number, column: number, radius: number, lightRings: number[]): void => {
    for (let i = -radius; i <= radius; i++)
      for (let j = -radius; j <= radius; j++)
        set(row + i, column + j, !lightRings.includes(Math.max(Math.abs(i), Math.abs(j))));
  };

  for (let i = 0; i < size; i++) set(6, i, i % 2 === 0), set(i, 6, i % 2 === 0); // timing
  for (const [row, column] of [
    [3, 3],
    [3, size - 4],
    [size - 4, 3],
  ] as const)
    square(row, column, 4, [2, 4]); // finders
  const centers = version === 1 ? [] : version < 7 ? [6, size - 7] : [6, 2 * version + 8, size - 7];
  const corners = [`6 6`, `6 ${size - 7}`, `${size - 7} 6`]; // where the finders are
  for (const row of centers)
    for (const column of centers) if (!corners.includes(`${row} ${column}`)) square(row, column, 2, [1]); // alignment

  const format = protect((levels[level].bits << 3) | mask, 0b101_0011_0111) ^ 0b101_0100_0001_0010;
  for (let i = 0; i < 15; i++) {
    const dark = ((format >> i) & 1) === 1;
    if (i < 8) set(i < 6 ? i : i + 1, 8, dark), set(8, size - 1 - i, dark);
    else set(8, i === 8 ? 7 : 14 - i, dark), set(size - 15 + i, 8, dark);
  }
  set(size - 8, 8, true); // always dark
  const versionBits = version < 7 ? 0 : protect(version, 0b1_1111_0010_0101);
  for (let i = 0; versionBits > 0 && i < 18; i++) {
    const [far, near] = [size - 11 + (i % 3), Math.floor(i / 3)];
    set(far, near, ((versionBits >> i) & 1) === 1), set(near, far, ((versionBits >> i) & 1) === 1);
  }

  // Two columns at a time from the right, upwards and downwards in turn, skipping the timing pattern's column 6.
  // Modules beyond the last codeword are remainder bits: 0, and masked as well.
  let bit = 0;
  for (let pair = 0; pair < (size - 1) / 2; pair++) {
    const right = size - 1 - 2 * pair - (pair >= (size - 7) / 2 ? 1 : 0);
    for (let step = 0; step < size; step++) {
      const row = pair % 2 === 0 ? size - 1 - step : step;
      for (const column of [right, right - 1]) {
        if (grid[row]![column] !== undefined) continue;
        const dark = (((stream[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1) === 1;
        grid[row]![column] = dark !== masks[mask]!(row, column);
        bit++;
      }
    }
  }
  return grid as boolean[][]; // no module is undefined by now
}

/** "Evaluation of data masking results": runs, blocks, finder-like patterns, and the balance. */
function penalty(modules: boolean[][]): number {
  const rows = modules.map((row) => row.map(Number).join(""));
  const lines = [...rows, ...modules.map((_, column) => rows.map((row) => row[column]).join(""))];
  let points = 0;
  for (const line of lines) {
    for (const run of line.match(/0{5,}|1{5,}/g) ?? []) points += run.length - 2;
    points += 40 * [...line.matchAll(/(?=10111010000|00001011101)/g)].length;
  }
  for (const [i, row] of rows.entries())
    for (let j = 1; i > 0 && j < row.length; j++)
      if (/^(0000|1111)$/.test(rows[i - 1]!.slice(j - 1, j + 1) + row.slice(j - 1, j + 1))) points += 3;
  const dark = modules.flat().filter(Boolean).length / modules.length ** 2;
  return points + 10 * Math.floor(Math.abs(dark - 0.5) * 20);
}

/**
 * Half blocks, two modules per character. Draws the light modules: right on a dark terminal even without color; with
 * color, black and white are from the 256-color cube, which themes keep.
 *
 * @returns `undefined` if the terminal is too narrow
 */
export function renderQrCode(
  modules: QrModules,
  { color, columns }: { color: boolean; columns: number },
): string | undefined {
  // ISO/IEC 18004 "Quiet zone": 4 modules. Today's readers accept 2.
  const quiet = [4, 2].find((margin) => modules.length + 2 * margin <= columns);
  if (quiet === undefined) return undefined;
  const light = (row: number, column: number): boolean => !modules[row]?.[column];
  const [start, end] = color ? ["\x1b[38;5;231;48;5;16m", "\x1b[0m"] : ["", ""];
  let text = "";
  for (let row = -quiet; row < modules.length + quiet; row += 2) {
    text += start;
    for (let column = -quiet; column < modules.length + quiet; column++) {
      const [upper, lower] = [light(row, column), light(row + 1, column)];
      text += upper && lower ? "█" : upper ? "▀" : lower ? "▄" : " ";
    }
    text += `${end}\n`;
  }
  return text;
}
