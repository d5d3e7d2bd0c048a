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

/** Everything on standard input, to its end. */
export async function readStandardInput(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
