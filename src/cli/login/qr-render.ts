import type { QrModules } from "./qr-code.ts";

/** What the terminal supports. */
interface QrRendering {
  /** Whether escape sequences for color may be written. */
  color: boolean;
  /** Its width, in characters. */
  columns: number;
}

/**
 * A QR code as lines of half blocks, two modules per character, each line ended by a line feed. The light modules are drawn: on
 * a light-on-dark terminal, the usual kind, that is right even without color; with color, black and white are from the
 * 256-color cube, which themes leave alone, unlike colors 0 to 15.
 *
 * @param modules - from `qrCode`
 * @param rendering - what the terminal supports
 * @returns `undefined` if the terminal is too narrow: a code with wrapped lines is noise
 */
export function renderQrCode(modules: QrModules, { color, columns }: QrRendering): string | undefined {
  // ISO/IEC 18004 "Quiet zone": 4 modules. Today's readers find a code with 2, which is better than no code at all.
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
