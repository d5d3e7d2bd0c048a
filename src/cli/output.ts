import type { Hint } from "../base/errors.ts";
import { redact } from "../base/secret.ts";
import type { JsonOutput } from "./json-output.ts";
import type { Environment } from "../platform/paths.ts";
import type { OutputStream } from "./tool.ts";
import { wrapped, noBreak, oneLine, printable, unprintable } from "../base/text.ts";

/** A value to print as JSON: what is undefined is left out. */
export type Printed<T> = T extends readonly (infer Item)[]
  ? readonly Printed<Item>[]
  : T extends object
    ? { [Name in keyof T]: Printed<T[Name]> | (object extends Pick<T, Name> ? undefined : never) }
    : T;

export function isoTime(ms: number): string;
export function isoTime(ms: number | undefined): string | undefined;
export function isoTime(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}

/** A string, or a hint with something to type. */
type Text = string | Hint;

/**
 * Results go to stdout, messages to stderr. Only our own labels are colored; control characters of everything else are
 * removed here (S-008).
 */
export interface Output {
  answer(text: string): void;
  done(text: Text): void;
  finding(mark: Mark, label: string, text: string): void;
  json<T>(value: Printed<T>): void;
  jsonLine<T>(value: Printed<T>): void;
  /** Instead of a result, or after others on a line each. */
  jsonFailure(value: JsonOutput["error"]): void;
  /** Byte for byte for a program, made printable for a terminal. */
  relay(body: AsyncIterable<Uint8Array>): Promise<void>;
  /** The service's JSON on a terminal, through `view`; as {@link Output.relay} if it is none. */
  relayJson(text: string, view: (text: string, color: boolean) => string | undefined): void;
  say(text: string): void;
  warn(text: Text): void;
  error(text: string): void;
  hint(text: Text): void;
  /** On a terminal one line, redrawn in place and removed before other output; nothing elsewhere. */
  progress(text: string): void;
  /** A URL to open, on its own line: a link if the terminal supports it, so that a wrapped one can be clicked. */
  address(url: string): void;
  question(text: string): string;
  /** Of stdout; `Infinity` if it is no terminal. */
  readonly columns: number;
  words(text: Text): string;
  readonly isAnswerShown: boolean;
  readonly hasAnswered: boolean;
}

interface OutputStreams {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Environment;
}

const green = 32;
const red = 31;
const yellow = 33;
const dim = 2;

type Mark = "✓" | "·" | "!" | "✗";
const markColors: Readonly<Record<Mark, number>> = { "✓": green, "·": dim, "!": yellow, "✗": red };

/** `hintWords`: the one place that knows the tool's name and the shell. */
export function createOutput({ stdout, stderr, env }: OutputStreams, hintWords: (hint: Hint) => string): Output {
  const words = (text: Text): string => (typeof text === "string" ? text : hintWords(text));
  const canColor = (stream: OutputStream): boolean => {
    const forced = env["FORCE_COLOR"];
    return forced ? forced !== "0" : !env["NO_COLOR"] && env["TERM"] !== "dumb" && stream.isTTY === true;
  };
  let isDrawn = false;
  let answered: "not" | "once" | "in lines" = "not";
  /** Both streams may be one terminal, so the redrawn line is removed before either is written to. */
  const write = (stream: OutputStream, text: string | Uint8Array, done?: () => void): void => {
    if (isDrawn) stderr.write(clearLine);
    isDrawn = false;
    stream.write(text, done);
  };
  // Not by the stream: a caller may pass one for both.
  const result = (text: string | Uint8Array, done?: () => void): void => {
    if (answered === "not") answered = "once";
    write(stdout, text, done);
  };
  const fit = (stream: OutputStream, text: string, indent?: number): string =>
    stream.isTTY && stream.columns ? wrapped(text, stream.columns, indent) : text;
  const painted = (stream: OutputStream, color: number, label: string): string =>
    canColor(stream) ? `\u001b[${color}m${label}\u001b[0m` : label;
  const labeled = (stream: OutputStream, color: number, label: string, text: Text): string => {
    const parts =
      typeof text === "string"
        ? [text]
        : text.map((part) => (typeof part === "string" ? part : oneLine(hintWords([part])).replaceAll(" ", noBreak)));
    const body = fit(stream, `${label} ${oneLine(redact(parts.join("")))}`, label.length + 1)
      .slice(label.length)
      .replaceAll(noBreak, " ");
    return `${painted(stream, color, label)}${body}\n`;
  };
  const isScreen = stderr.isTTY === true && env["TERM"] !== "dumb";
  return {
    answer: (text) => result(`${fit(stdout, printable(text))}\n`),
    done: (text) => result(labeled(stdout, green, "✓", text)),
    finding: (mark, label, text) =>
      result(
        `${painted(stdout, markColors[mark], mark)}${fit(stdout, `${mark} ${label}  ${oneLine(text)}`).slice(1)}\n`,
      ),
    // JSON escapes the C0 controls itself; the others are escaped here, harmless for value and terminal.
    json: (value) => result(`${JSON.stringify(value, null, 2).replace(unprintable, escaped)}\n`),
    jsonLine(value) {
      answered = "in lines";
      result(`${JSON.stringify(value).replace(unprintable, escaped)}\n`);
    },
    jsonFailure(value) {
      if (answered !== "once") this.jsonLine<JsonOutput["error"]>(value);
    },
    async relay(body) {
      const decoder = stdout.isTTY ? new TextDecoder() : undefined;
      let end = "\n";
      for await (const piece of body) {
        const text = decoder && printable(decoder.decode(piece, { stream: true }));
        if (text) end = text.slice(-1);
        // At the reader's pace: waiting output would fill memory.
        await new Promise<void>((resolve) => result(text ?? piece, () => resolve()));
      }
      if (decoder && end !== "\n") result("\n");
    },
    relayJson(text, view) {
      const shown = view(text.replace(unprintable, escaped), canColor(stdout));
      result(`${shown ?? printable(text).replace(/\n$/, "")}\n`);
    },
    say: (text) => write(stderr, `${fit(stderr, printable(text))}\n`),
    warn: (text) => write(stderr, labeled(stderr, yellow, "warning:", text)),
    error: (text) => write(stderr, labeled(stderr, red, "error:", text)),
    hint: (text) => write(stderr, labeled(stderr, dim, "hint:", text)),
    progress(text) {
      if (!isScreen) return;
      // A wrapped line could not be redrawn. The first sentence is better than a part of the second.
      const [room, line] = [(stderr.columns || 80) - 1, oneLine(text)];
      stderr.write(clearLine + (line.length <= room ? line : line.replace(/(?<=\.) .*/, "").slice(0, room)));
      isDrawn = true;
    },
    address(url) {
      const text = oneLine(url);
      write(
        stderr,
        `\n  ${isScreen && hasLinks(env) ? `\u001b]8;;${text}\u001b\\${text}\u001b]8;;\u001b\\` : text}\n\n`,
      );
    },
    words,
    question: (text) => fit(stderr, printable(text)).replaceAll(noBreak, " "),
    columns: (stdout.isTTY && stdout.columns) || Infinity,
    isAnswerShown: stdout.isTTY === true,
    get hasAnswered() {
      return answered !== "not";
    },
  };
}

/** Whether a terminal turns OSC 8 into a link. Others skip it (ECMA-48), but a few print it: so only known ones. */
function hasLinks(env: Environment): boolean {
  const known = ["WT_SESSION", "KONSOLE_VERSION", "WEZTERM_PANE", "KITTY_WINDOW_ID", "GHOSTTY_RESOURCES_DIR"].some(
    (name) => env[name],
  );
  return (
    known ||
    Number(env["VTE_VERSION"]) >= 5000 ||
    /^(iTerm\.app|vscode|Hyper|ghostty|WezTerm)$/.test(env["TERM_PROGRAM"] ?? "")
  );
}

const clearLine = "\r\u001b[K";

function escaped(character: string): string {
  return character
    .split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("");
}
