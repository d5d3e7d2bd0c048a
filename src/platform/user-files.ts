import { lstat, readFile, writeFile } from "node:fs/promises";
import { replaceFile } from "./files.ts";

/** Reads a file that the user named. Nothing of ours is kept in such files, so nothing is asked of their modes. */
export function readUserFile(path: string): Promise<Buffer> {
  return readFile(path);
}

/**
 * Replaces a file that the user named whole, so that whoever reads it meanwhile sees the old one or the new one. What is there
 * and no plain file, such as a device or a link, is written through and stays what it is.
 */
export async function writeUserFile(path: string, text: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found !== undefined && !found.isFile()) return writeFile(path, text);
  replaceFile(path, text, { mode: 0o666 });
}

/**
 * Standard input, piece by piece as it comes. Whoever has enough stops reading.
 *
 * @param signal - ends it: the next piece is then the signal's reason, thrown
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
