import { lstat, open, readFile, rm } from "node:fs/promises";
import { moveFile, temporaryPath } from "./replace-file.ts";

/** Reads a file that the user named. Such files hold no secrets of ours, so their modes do not matter. */
export function readUserFile(path: string): Promise<Buffer> {
  return readFile(path);
}

export interface UserFileWriter {
  write(piece: Uint8Array): Promise<void>;
  /** Puts what was written in the file's place. */
  commit(): Promise<void>;
  /** Leaves the file as it was. Does nothing after `commit`. */
  discard(): Promise<void>;
}

/**
 * Opens a file that the user named, to be replaced as a whole, so that every reader sees the old one or the new one. Anything but a plain
 * file, such as a device or a link, is written to and stays what it is.
 */
export async function openUserFile(path: string): Promise<UserFileWriter> {
  const found = await lstat(path).catch(() => undefined);
  const temporary = found === undefined || found.isFile() ? temporaryPath(path) : undefined;
  const file = await open(temporary ?? path, temporary === undefined ? "w" : "wx");
  let isOpen = true;
  const close = async (): Promise<void> => {
    if (isOpen) await file.close();
    isOpen = false;
  };
  return {
    // Unlike `write`, this writes all of it.
    write: (piece) => file.writeFile(piece),
    async commit() {
      await close();
      if (temporary !== undefined) moveFile(temporary, path);
    },
    async discard() {
      await close();
      if (temporary !== undefined) await rm(temporary, { force: true });
    },
  };
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
