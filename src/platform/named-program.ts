import { spawn } from "node:child_process";
import { constants } from "node:os";
import { basename, resolve as resolvePath } from "node:path";
import { requireProgram } from "./find-program.ts";
import type { Environment } from "./paths.ts";

/**
 * The output of a program that the user named by its absolute path. Its stdin is empty, its stderr ours: messages are
 * for the user, and may hold what must not be in an error.
 *
 * @param env - without secrets of this process
 * @param mostBytes - more output ends the program
 * @throws the system's failure to start it; {@link ProgramFailed}; the signal's reason
 */
export async function outputOf(
  program: string,
  args: readonly string[],
  { env, signal, mostBytes }: { env: Environment; signal: AbortSignal; mostBytes: number },
): Promise<string> {
  const found = requireProgram(program, env);
  const child = spawn(found, [...args], { env, signal, stdio: ["ignore", "pipe", "inherit"], windowsHide: true });
  const ended = new Promise<number | string | null>((resolve, reject) => {
    child.once("error", (error) => reject(signal.aborted ? signal.reason : error));
    child.once("close", (code, killed) => resolve(code ?? killed));
  });
  const pieces: Buffer[] = [];
  let size = 0;
  child.stdout.on("data", (piece: Buffer) => {
    pieces.push(piece);
    size += piece.length;
    if (size > mostBytes) child.kill();
  });
  const outcome = await ended;
  if (size > mostBytes) throw new ProgramFailed(`printed more than ${mostBytes / 1024} KiB`);
  if (outcome !== 0) throw new ProgramFailed(`ended with ${outcome}`);
  return Buffer.concat(pieces).toString("utf8");
}

/**
 * Runs a user's command on this terminal, whose signals reach it directly.
 *
 * @returns its exit code, as in a shell
 * @throws the system's error when it cannot be started
 */
export async function runCommand([program = "", ...args]: readonly string[], env: Environment): Promise<number> {
  // A path in the working directory is no bare name that the directory could fake.
  const typed = basename(program) === program ? program : resolvePath(program);
  const found = requireProgram(typed, env);
  return new Promise((resolve, reject) => {
    const child = spawn(found, args, { env, stdio: "inherit" });
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}

/** The message follows the program's name. */
export class ProgramFailed extends Error {}
