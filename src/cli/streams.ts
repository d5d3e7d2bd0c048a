import type { Environment } from "../platform/paths.ts";

/** A stream that is written to, as `process.stdout` is one. */
export interface OutputStream {
  /** `done` is called as soon as the next piece can be written. */
  write(text: string | Uint8Array, done?: () => void): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

/** What a command writes to and reads from. Everything that is left out is the process's own. */
export interface CommandStreams {
  /** Takes the answer. */
  readonly stdout?: OutputStream;
  /** Takes the conversation. */
  readonly stderr?: OutputStream;
  /** What is typed or piped into the command, which asks questions only if this and `stderr` are terminals. */
  readonly stdin?: AsyncIterable<string | Uint8Array> & { readonly isTTY?: boolean };
  /** The variables, instead of those of {@link CommandOptions}. */
  readonly env?: Environment;
}
