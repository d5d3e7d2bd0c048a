/** Where a piece of the built code comes from: its column in the built line, and the place in the sources; all counted from 0. */
export type Segment = [column: number, source: number, line: number, sourceColumn: number];

/** A source map (ECMA-426), the members that are used here. */
export interface SourceMap {
  version: 3;
  sources: string[];
  mappings: string;
}

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/**
 * A map that knows lines and no columns: what a stack trace needs, in a fifth of the room. Whole, and with the sources in them,
 * the maps would be three times as large as all the code.
 */
export function linesOnly({ sources, mappings }: SourceMap): SourceMap {
  let last: Segment | undefined;
  const lines = decode(mappings).map((segments) =>
    segments.filter((segment) => {
      const isNew = segment[1] !== last?.[1] || segment[2] !== last[2];
      last = segment;
      return isNew;
    }),
  );
  return { version: 3, sources, mappings: encode(lines.map((segments) => segments.map(([column, source, line]) => [column, source, line, 0]))) };
}

/** The segments of each line of the built code; those that stand for nothing in the sources are left out. */
export function decode(mappings: string): Segment[][] {
  const at: Segment = [0, 0, 0, 0];
  return mappings.split(";").map((line) => {
    at[0] = 0;
    return line.split(",").flatMap((text): Segment[] => {
      const steps = numbersOf(text);
      steps.slice(0, 4).forEach((step, index) => (at[index] = (at[index] ?? 0) + step));
      return steps.length < 4 ? [] : [[...at]];
    });
  });
}

function encode(lines: readonly (readonly Segment[])[]): string {
  const at: Segment = [0, 0, 0, 0];
  return lines
    .map((segments) => {
      at[0] = 0;
      return segments
        .map((segment) =>
          segment
            .map((value, index) => {
              const step = value - (at[index] ?? 0);
              at[index] = value;
              return textOf(step);
            })
            .join(""),
        )
        .join(",");
    })
    .join(";");
}

/** Base64 VLQ: six bits a digit, of which the highest says that there is more, and the lowest of the first is the sign. */
function numbersOf(text: string): number[] {
  const numbers: number[] = [];
  let value = 0;
  let shift = 0;
  for (const character of text) {
    const digit = digits.indexOf(character);
    value |= (digit & 31) << shift;
    shift += 5;
    if (digit & 32) continue;
    numbers.push(value & 1 ? -(value >> 1) : value >> 1);
    value = 0;
    shift = 0;
  }
  return numbers;
}

function textOf(number: number): string {
  let rest = number < 0 ? (-number << 1) | 1 : number << 1;
  let text = "";
  do {
    const more = rest > 31 ? 32 : 0;
    text += digits[(rest & 31) | more];
    rest >>>= 5;
  } while (rest > 0);
  return text;
}
