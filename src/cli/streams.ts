import type { Environment } from "../platform/paths.ts";

/** Such as `process.stdout`. */
export interface OutputStream {
  /** Calls `done` once the next piece can be written. */
  write(text: string | Uint8Array, done?: () => void): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

/** Streams of a command; by default the process's own. */
export interface CommandStreams {
  /** For results. */
  readonly stdout?: OutputStream;
  /** For messages. */
  readonly stderr?: OutputStream;
  /** What is typed or piped in. Questions are asked only if this and `stderr` are terminals. */
  readonly stdin?: AsyncIterable<string | Uint8Array> & { readonly isTTY?: boolean };
  /** Instead of those of {@link CommandOptions}. */
  readonly env?: Environment;
}
