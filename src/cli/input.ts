import { reasonOf, hint } from "../base/errors.ts";
import { isNestedTooDeeply } from "../http/json-members.ts";
import { openUserFile, readUserFile, standardInput, writeUserFile, type UserFileWriter } from "../platform/user-files.ts";
import { usageError } from "./command.ts";

/**
 * The value of an option that is given literally, as `@FILE`, or as `-` or `@-` for standard input.
 *
 * @param option - its name, for the message
 * @param value - as typed
 * @param signal - ends the wait for standard input
 * @throws AuthError `usage_invalid` when the file cannot be read
 */
export async function readInput(option: string, value: string, signal: AbortSignal): Promise<string> {
  return (await readInputBytes(option, value, signal)).toString("utf8");
}

/** The same as bytes, for what need not be text. */
export async function readInputBytes(option: string, value: string, signal: AbortSignal): Promise<Buffer> {
  if (value === "-" || value === "@-") {
    const pieces: Buffer[] = [];
    for await (const piece of standardInput(signal)) pieces.push(piece);
    return Buffer.concat(pieces);
  }
  return value.startsWith("@") ? readNamedFile(value.slice(1), `--${option}: `) : Buffer.from(value);
}

/**
 * Reads a file that was named on the command line.
 *
 * @param where - what the message begins with, such as the option
 * @throws AuthError `usage_invalid` when it cannot be read
 */
export async function readNamedFile(path: string, where = ""): Promise<Buffer> {
  try {
    return await readUserFile(path);
  } catch (cause) {
    throw usageError(`${where}cannot read "${path}" (${reasonOf(cause)})`, hint`Try: ${{ run: ["ls", "-l", path.startsWith("-") ? `./${path}` : path] }}`);
  }
}

/**
 * Writes a file that was named on the command line.
 *
 * @param where - what the message begins with, such as the option
 * @throws AuthError `usage_invalid` when it cannot be written
 */
export async function writeNamedFile(path: string, text: string, where: string): Promise<void> {
  try {
    await writeUserFile(path, text);
  } catch (cause) {
    throw usageError(`${where}cannot write "${path}" (${reasonOf(cause)})`, "Name a file in an existing folder that you can write to");
  }
}

/**
 * Opens a file that was named on the command line, to be written piece by piece.
 *
 * @param where - what the message begins with, such as the option
 * @throws AuthError `usage_invalid` when it cannot be written; so do its functions
 */
export async function openNamedFile(path: string, where: string): Promise<UserFileWriter> {
  const explained = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (cause) {
      throw usageError(`${where}cannot write "${path}" (${reasonOf(cause)})`, "Name a file in an existing folder that you can write to, on a disk with enough space");
    }
  };
  const file = await explained(() => openUserFile(path));
  return { write: (piece) => explained(() => file.write(piece)), commit: () => explained(file.commit), discard: file.discard };
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
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw usageError(`--${option} is not JSON (${error instanceof Error ? error.message : String(error)})`, example);
  }
  if (isNestedTooDeeply(value)) throw usageError(`--${option} is nested too deeply`, example);
  return value;
}

/** An object without the members that are undefined: what the user did not give is not passed on. */
export function defined<T extends object>(members: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as { [Name in keyof T]?: Exclude<T[Name], undefined> };
}
