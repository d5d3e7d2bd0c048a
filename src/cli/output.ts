import type { Hint } from "../base/errors.ts";
import { redact } from "../base/secret.ts";
import type { OutputStream } from "./streams.ts";
import { wrapped, noBreak, oneLine, printable, unprintable } from "../base/text.ts";

/** What is said to the user: a string, or a hint when it contains something to type. */
export type Text = string | Hint;

/**
 * Where a command writes: stdout carries the answer, stderr the conversation. Only our own labels are colored;
 * everything else has its control characters removed here, on the way out (S-008).
 */
export interface Output {
  answer(text: string): void;
  /** What is true now, with a tick. */
  done(text: Text): void;
  finding(mark: Mark, label: string, text: string): void;
  json(value: unknown): void;
  jsonLine(value: unknown): void;
  /** Instead of an answer, or after others that have a line each. */
  jsonFailure(value: unknown): void;
  /** Byte for byte for a program that reads it, made printable for a terminal. */
  relay(body: AsyncIterable<Uint8Array>): Promise<void>;
  /** The service's own JSON on a terminal, as `view` shows it; as {@link Output.relay} would, if it is none. */
  relayJson(text: string, view: (text: string, color: boolean) => string | undefined): void;
  say(text: string): void;
  warn(text: Text): void;
  error(text: string): void;
  hint(text: Text): void;
  /** On a terminal one line, redrawn in place and removed before anything else is said; nothing elsewhere. */
  progress(text: string): void;
  /**
   * An address to open, on a line of its own: a link where the terminal has links, so that a long one can be clicked although it is
   * wrapped.
   */
  address(url: string): void;
  /** A drawing of our own for {@link Output.screen}, escape sequences included: never a text that comes from elsewhere. */
  draw(picture: string): void;
  question(text: string): string;
  /** How wide an answer may be; `Infinity` where it is not on a terminal. */
  readonly columns: number;
  words(text: Text): string;
  /** Where the conversation is shown, if that is a terminal that can be drawn on. */
  readonly screen: Screen | undefined;
  readonly isAnswerShown: boolean;
  /** Whether anything of the answer has been written. */
  readonly hasAnswered: boolean;
}

export interface Screen {
  readonly columns: number;
  readonly rows: number;
  readonly color: boolean;
}

/** @internal */
export interface OutputStreams {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
}

const green = 32;
const red = 31;
const yellow = 33;
const dim = 2;

export type Mark = "✓" | "·" | "!" | "✗";
const markColors: Readonly<Record<Mark, number>> = { "✓": green, "·": dim, "!": yellow, "✗": red };

/** Output on a process's streams. `hintWords`: the one place that knows the tool's name and the shell. @internal */
export function createOutput(
  { stdout, stderr, env, platform }: OutputStreams,
  hintWords: (hint: Hint) => string,
): Output {
  const words = (text: Text): string => (typeof text === "string" ? text : hintWords(text));
  const canColor = (stream: OutputStream): boolean => {
    const forced = env["FORCE_COLOR"];
    return forced ? forced !== "0" : !env["NO_COLOR"] && env["TERM"] !== "dumb" && stream.isTTY === true;
  };
  let isDrawn = false;
  let answered: "not" | "once" | "in lines" = "not";
  /** Both streams may be the same terminal, so the line that is redrawn is removed before either is written to. */
  const write = (stream: OutputStream, text: string | Uint8Array, done?: () => void): void => {
    if (isDrawn) stderr.write(clearLine);
    isDrawn = false;
    if (stream === stdout && answered === "not") answered = "once";
    stream.write(text, done);
  };
  const fit = (stream: OutputStream, text: string, indent?: number): string =>
    stream.isTTY && stream.columns ? wrapped(text, stream.columns, indent) : text;
  const painted = (stream: OutputStream, color: number, label: string): string =>
    canColor(stream) ? `\u001b[${color}m${label}\u001b[0m` : label;
  const line = (stream: OutputStream, color: number, label: string, text: Text): void => {
    const parts =
      typeof text === "string"
        ? [text]
        : text.map((part) => (typeof part === "string" ? part : oneLine(hintWords([part])).replaceAll(" ", noBreak)));
    const body = fit(stream, `${label} ${oneLine(redact(parts.join("")))}`, label.length + 1)
      .slice(label.length)
      .replaceAll(noBreak, " ");
    write(stream, `${painted(stream, color, label)}${body}\n`);
  };
  const isScreen = stderr.isTTY === true && env["TERM"] !== "dumb";
  return {
    answer: (text) => write(stdout, `${fit(stdout, printable(text))}\n`),
    done: (text) => line(stdout, green, "✓", text),
    finding: (mark, label, text) =>
      write(
        stdout,
        `${painted(stdout, markColors[mark], mark)}${fit(stdout, `${mark} ${label}  ${oneLine(text)}`).slice(1)}\n`,
      ),
    // JSON escapes the C0 controls itself; the others are escaped here, so that neither the value nor the terminal is damaged.
    json: (value) => write(stdout, `${JSON.stringify(value, null, 2).replace(unprintable, escaped)}\n`),
    jsonLine(value) {
      answered = "in lines";
      write(stdout, `${JSON.stringify(value).replace(unprintable, escaped)}\n`);
    },
    jsonFailure(value) {
      if (answered !== "once") this.jsonLine(value);
    },
    async relay(body) {
      const decoder = stdout.isTTY ? new TextDecoder() : undefined;
      let end = "\n";
      for await (const piece of body) {
        const text = decoder && printable(decoder.decode(piece, { stream: true }));
        if (text) end = text.slice(-1);
        // As fast as it is read: what waits for a slow reader would be in memory.
        await new Promise<void>((resolve) => write(stdout, text ?? piece, () => resolve()));
      }
      if (decoder && end !== "\n") write(stdout, "\n");
    },
    relayJson(text, view) {
      const shown = view(text.replace(unprintable, escaped), canColor(stdout));
      write(stdout, `${shown ?? printable(text).replace(/\n$/, "")}\n`);
    },
    say: (text) => write(stderr, `${fit(stderr, printable(text))}\n`),
    warn: (text) => line(stderr, yellow, "warning:", text),
    error: (text) => line(stderr, red, "error:", text),
    hint: (text) => line(stderr, dim, "hint:", text),
    progress(text) {
      if (!isScreen) return;
      // A line that wraps could not be redrawn: only its last row would go. Rather the first sentence than a part of the second.
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
    draw: (picture) => write(stderr, picture),
    words,
    question: (text) => fit(stderr, printable(text)).replaceAll(noBreak, " "),
    columns: (stdout.isTTY && stdout.columns) || Infinity,
    // Block characters are noise where the locale does not say UTF-8; macOS and Windows say nothing and have it.
    screen:
      isScreen &&
      (platform === "darwin" ||
        platform === "win32" ||
        /utf-?8/i.test(env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"] || ""))
        ? { columns: stderr.columns ?? 80, rows: stderr.rows ?? 24, color: canColor(stderr) }
        : undefined,
    isAnswerShown: stdout.isTTY === true,
    get hasAnswered() {
      return answered !== "not";
    },
  };
}

/**
 * Whether a terminal turns OSC 8 into a link. The others skip it, as ECMA-48 has it, but for a few that print it: so those that are known.
 */
function hasLinks(env: OutputStreams["env"]): boolean {
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
  return [...Array(character.length).keys()]
    .map((index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`)
    .join("");
}
