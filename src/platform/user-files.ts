import { lstat, readFile, writeFile } from "node:fs/promises";
import { replaceFile } from "./replace-file.ts";

/** Reads a file that the user named. Such files hold no secrets of ours, so their modes do not matter. */
export function readUserFile(path: string): Promise<Buffer> {
  return readFile(path);
}

/**
 * Replaces, as a whole, a file that the user named, so that every reader sees the old one or the new one. Anything but a plain
 * file, such as a device or a link, is written to and stays what it is.
 */
export async function writeUserFile(path: string, text: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found !== undefined && !found.isFile()) return writeFile(path, text);
  replaceFile(path, text, { mode: 0o666 });
}

/**
 * Standard input, piece by piece as it comes. A reader that has enough stops.
 *
 * @param signal - ends it: asking for the next piece then throws the signal's reason
 */
export async function* standardInput(signal: AbortSignal): AsyncGenerator<Buffer> {
  signal.throwIfAborted();
  const input = process.stdin;
  const stop = (): void => void input.destroy(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  try {
    yield* input as AsyncIterable<Buffer>;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
