/**
 * Where a command talks to: stdout carries the answer, stderr the conversation. Only labels of ours are coloured;
 * whatever else is printed has its control characters removed here, on the way out (S-008).
 */
export interface Output {
  /** The answer, for whoever reads stdout. */
  answer(text: string): void;
  /** The answer to a command that changes something: what is true now, with a tick, on one line. */
  done(text: string): void;
  /** The answer as JSON, for programs. */
  json(value: unknown): void;
  /** The conversation with the user. */
  say(text: string): void;
  /** Something that went wrong and does not end the command. */
  warn(text: string): void;
  /** What ended the command. */
  error(text: string): void;
  /** What to do next. */
  hint(text: string): void;
}

/** The parts of a process that output needs. */
export interface OutputStreams {
  readonly stdout: { write(text: string): unknown; readonly isTTY?: boolean };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
}

const green = 32;
const red = 31;
const yellow = 33;
const dim = 2;

/** Output on a process's streams. */
export function createOutput({ stdout, stderr, env }: OutputStreams): Output {
  const label = (stream: OutputStreams["stdout"], colour: number, text: string): string => {
    const forced = env["FORCE_COLOR"];
    const isColoured = forced ? forced !== "0" : !env["NO_COLOR"] && env["TERM"] !== "dumb" && stream.isTTY === true;
    return isColoured ? `\u001b[${colour}m${text}\u001b[0m` : text;
  };
  return {
    answer: (text) => void stdout.write(`${printable(text)}\n`),
    done: (text) => void stdout.write(`${label(stdout, green, "✓")} ${oneLine(text)}\n`),
    // JSON escapes the C0 controls itself; the others are escaped here, so that the value survives and the terminal too.
    json: (value) => void stdout.write(`${JSON.stringify(value, null, 2).replace(unprintable, escaped)}\n`),
    say: (text) => void stderr.write(`${printable(text)}\n`),
    warn: (text) => void stderr.write(`${label(stderr, yellow, "warning:")} ${oneLine(text)}\n`),
    error: (text) => void stderr.write(`${label(stderr, red, "error:")} ${oneLine(text)}\n`),
    hint: (text) => void stderr.write(`${label(stderr, dim, "hint:")} ${oneLine(text)}\n`),
  };
}

/** Everything that moves the cursor, colours or titles the terminal, is invisible, or turns the reading direction around. */
const unprintable = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** Text as a terminal may have it. */
function printable(text: string): string {
  return text.replace(unprintable, "");
}

/** A server's text may have line breaks, and a line of its own could look like one of ours. */
export function oneLine(text: string): string {
  return printable(text.replace(/\s+/g, " ").trim());
}

function escaped(character: string): string {
  return [...Array(character.length).keys()].map((index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`).join("");
}
