import { devNull } from "node:os";
import type { Environment } from "./paths.ts";

/** Set for a process that runs a text: it must never start another. */
const marker = "IN_KEYCHAIN_PROCESS";

/** How to start this executable with a program as text; or why not. */
export type SelfStart =
  | { readonly args: readonly string[]; readonly env: Environment }
  | { readonly impossible: string };

const { Bun, Deno } = globalThis as {
  readonly Bun?: { readonly isStandaloneExecutable?: boolean };
  readonly Deno?: { readonly build?: { readonly standalone?: boolean } };
};

/** An executable made by Bun has its modules in a file system of its own, `/$bunfs`. */
export const bunExecutable: string | undefined = Bun?.isStandaloneExecutable ? process.execPath : undefined;

let isServed = false;

/**
 * The program promises to call this before anything else.
 *
 * @returns whether it was started by {@link selfStart}
 */
export function isSelfStart(): boolean {
  isServed = true;
  return process.env[marker] !== undefined;
}

/**
 * Decides how to run a text in a process of its own.
 *
 * A bare runtime (`node`, Bun, Deno) takes `-e`. An embedding executable would do its own work a second time. Bun's
 * executables turn into Bun by a variable. All others (Node's single executables, `deno compile`, pkg; Electron, whose
 * switch can be removed) are started only if the program checks first ({@link isSelfStart}): reading a key must not run
 * a program twice.
 */
export function selfStart(text: string): SelfStart {
  if (process.env[marker] !== undefined) return { impossible: "this process was itself started as one" };
  const isProgram =
    process.getBuiltinModule?.("node:sea")?.isSea() ||
    Deno?.build?.standalone === true ||
    "pkg" in process ||
    process.versions["electron"] !== undefined;
  if (isProgram && !isServed)
    return { impossible: `"${process.execPath}" is a single executable whose program does not call serveSelf()` };
  // Otherwise Bun would run what a `bunfig.toml` next to the executable names, as in a directory for downloads.
  const bunOptions = Bun === undefined ? [] : ["--no-env-file", `--config=${devNull}`];
  return {
    args: [...bunOptions, "--input-type=commonjs", "-e", text],
    env: { [marker]: "1", ELECTRON_RUN_AS_NODE: "1", ...(bunExecutable && { BUN_BE_BUN: "1" }) },
  };
}
