import { reasonOf } from "../base/errors.ts";
import { readUserFile, standardInput, writeUserFile } from "../platform/user-files.ts";
import { usageError } from "./usage.ts";

/**
 * What an option gives as its value, as `@FILE`, or as `-` for standard input.
 *
 * @param option - its name, for the message
 * @param value - as typed
 * @param signal - ends the wait for standard input
 * @throws AuthError `usage_invalid` when the file cannot be read
 */
export async function readInput(option: string, value: string, signal: AbortSignal): Promise<string> {
  return (await readInputBytes(option, value, signal)).toString("utf8");
}

/** The same as it is, for what need not be text. */
export async function readInputBytes(option: string, value: string, signal: AbortSignal): Promise<Buffer> {
  if (value === "-") {
    const pieces: Buffer[] = [];
    for await (const piece of standardInput(signal)) pieces.push(piece);
    return Buffer.concat(pieces);
  }
  return value.startsWith("@") ? readNamedFile(value.slice(1), `--${option} names a file`) : Buffer.from(value);
}

/**
 * A file that was named on the command line.
 *
 * @param what - what the name is to the command, for the message
 * @throws AuthError `usage_invalid` when it cannot be read
 */
export async function readNamedFile(path: string, what: string): Promise<Buffer> {
  try {
    return await readUserFile(path);
  } catch (cause) {
    throw usageError(`${what} that cannot be read: "${path}" (${reasonOf(cause)})`, `Try: ls -l ${path}`);
  }
}

/**
 * Writes a file that was named on the command line.
 *
 * @param what - what the name is to the command, for the message
 * @throws AuthError `usage_invalid` when it cannot be written
 */
export async function writeNamedFile(path: string, text: string, what: string): Promise<void> {
  try {
    await writeUserFile(path, text);
  } catch (cause) {
    throw usageError(`${what} that cannot be written: "${path}" (${reasonOf(cause)})`, "Name a file in a folder that is there and yours");
  }
}

/**
 * A JSON object that was given to an option.
 * @throws AuthError `usage_invalid` when it is not one
 */
export function parseJsonObject(option: string, text: string): Record<string, unknown> {
  const example = `Try: --${option} '{"key":"value"}'`;
  const value = parseJson(option, text, example);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw usageError(`--${option} is not a JSON object`, example);
  return value as Record<string, unknown>;
}

/**
 * A JSON array that was given to an option.
 * @throws AuthError `usage_invalid` when it is not one
 */
export function parseJsonArray(option: string, text: string): unknown[] {
  const example = `Try: --${option} '[{"key":"value"}]'`;
  const value = parseJson(option, text, example);
  if (!Array.isArray(value)) throw usageError(`--${option} is not a JSON array`, example);
  return value;
}

function parseJson(option: string, text: string, example: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw usageError(`--${option} is not JSON (${error instanceof Error ? error.message : String(error)})`, example);
  }
}
