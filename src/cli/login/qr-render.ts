import type { QrModules } from "./qr-code.ts";

/** What the terminal can do. */
interface QrRendering {
  /** Whether escape sequences for colour may be written. */
  color: boolean;
  /** Its width, in characters. */
  columns: number;
}

/**
 * A QR code as lines of half blocks, two modules to a character, each line ended by a line feed. The ink is the light
 * modules: on a terminal of light on dark, the usual one, that is the right way round without any colour, and with
 * colour black and white are named from the 256-colour cube, which themes leave alone, unlike colours 0 to 15.
 * @param modules - from `qrCode`
 * @param rendering - what the terminal can do
 * @returns `undefined` when the terminal is too narrow, since a code with wrapped lines is noise
 */
export function renderQrCode(modules: QrModules, { color, columns }: QrRendering): string | undefined {
  // ISO/IEC 18004 "Quiet zone": 4 modules. Readers of today find a code with 2, which beats no code at all.
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
