import { readFile, rename, writeFile } from "node:fs/promises";

/** Reads a file that the user named. Nothing of ours is kept in such files, so nothing is asked of their modes. */
export function readUserFile(path: string): Promise<Buffer> {
  return readFile(path);
}

/** Replaces a file that the user named whole, so that whoever reads it meanwhile sees the old one or the new one. */
export async function writeUserFile(path: string, text: string): Promise<void> {
  await writeFile(`${path}.tmp`, text);
  await rename(`${path}.tmp`, path);
}

/**
 * Standard input as text, piece by piece as it comes. Whoever has enough stops reading.
 *
 * @param signal - ends it: the next piece is then the signal's reason, thrown
 */
export async function* standardInput(signal: AbortSignal): AsyncGenerator<string> {
  signal.throwIfAborted();
  const input = process.stdin.setEncoding("utf8");
  const stop = (): void => void input.destroy(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  try {
    yield* input as AsyncIterable<string>;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
