import { AuthError, reasonOf, hint } from "../base/errors.ts";
import { isJsonObject, isNestedTooDeeply, type JsonObject } from "../http/json-members.ts";
import { standardInput } from "../platform/standard-input.ts";
import { openUserFile, readUserFile, tooLong, type UserFileWriter } from "../platform/user-files.ts";
import { usageError, type Context } from "./command.ts";

// Everything here throws `usage_invalid` for unreadable or unwritable files.

type Input = Pick<Context, "stdin" | "signal">;

/** For a body, in memory until it is sent. */
const mostBytes = 256 * 1024 * 1024;
/** Parsed JSON takes many times its size. */
const mostJsonBytes = 16 * 1024 * 1024;

/** An option's value: literal, `@FILE`, or `@-` for standard input. */
export async function readInput(
  option: string,
  value: string,
  input: Input,
  most: number = mostBytes,
): Promise<Buffer> {
  const where = `--${option}: `;
  if (value === "@-") return readStandardInput(input, most, where);
  return value.startsWith("@") ? readNamedFile(value.slice(1), where, most) : Buffer.from(value);
}

/** @param where - the beginning of the message, such as the option; `most`: in bytes */
export function readNamedFile(path: string, where: string, most: number): Buffer {
  try {
    return readUserFile(path, most);
  } catch (cause) {
    throw refused(cause, where, () =>
      usageError(
        `${where}cannot read "${path}" (${reasonOf(cause)})`,
        hint`Try: ${{ run: ["ls", "-l", path.startsWith("-") ? `./${path}` : path] }}`,
      ),
    );
  }
}

/** The refusal of user-files.ts, or else of the system. */
function refused(cause: unknown, where: string, otherwise: () => AuthError): AuthError {
  return cause instanceof AuthError ? usageError(`${where}${cause.message}`, cause.next) : otherwise();
}

export async function openNamedFile(path: string, option: string): Promise<UserFileWriter> {
  const explained = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (cause) {
      throw refused(cause, `--${option}: `, () =>
        usageError(
          `--${option}: cannot write "${path}" (${reasonOf(cause)})`,
          "Name a file in a writable directory, on a disk with free space",
        ),
      );
    }
  };
  const file = await explained(() => openUserFile(path));
  return {
    write: (piece) => explained(() => file.write(piece)),
    commit: () => explained(file.commit),
    discard: file.discard,
  };
}

export async function writeNamedFile(path: string, option: string, text: string): Promise<void> {
  const file = await openNamedFile(path, option);
  try {
    await file.write(Buffer.from(text));
    await file.commit();
  } finally {
    await file.discard();
  }
}

/** @param where - the beginning of the message, such as the option */
export async function readStandardInput({ stdin, signal }: Input, most: number, where = ""): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let left = most;
  for await (const piece of standardInput(stdin(), signal)) {
    left -= piece.length;
    if (left < 0) throw tooLong(`${where}standard input`, most);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

export async function readJsonObject(option: string, text: string, input: Input): Promise<JsonObject> {
  const example = `Try: --${option} '{"key":"value"}'`;
  const value = await readJson(option, text, input, example);
  if (!isJsonObject(value)) throw usageError(`--${option} is not a JSON object`, example);
  return value;
}

export async function readJsonArray(option: string, text: string, input: Input): Promise<unknown[]> {
  const example = `Try: --${option} '[{"key":"value"}]'`;
  const value = await readJson(option, text, input, example);
  if (!Array.isArray(value)) throw usageError(`--${option} is not a JSON array`, example);
  return value;
}

async function readJson(option: string, given: string, input: Input, example: string): Promise<unknown> {
  const text = (await readInput(option, given, input, mostJsonBytes)).toString();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw usageError(`--${option} is not JSON (${reasonOf(error)})`, example);
  }
  if (isNestedTooDeeply(value)) throw usageError(`--${option} is nested too deeply`, example);
  return value;
}
