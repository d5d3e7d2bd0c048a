import type { Environment } from "./paths.ts";

/** Set in the environment of a process that this program starts to run a text, and that must never start another. */
const marker = "IN_KEYCHAIN_PROCESS";

/** How to start this executable so that it runs a program given as text; or why that cannot be done. */
export type SelfStart =
  | { readonly args: readonly string[]; readonly env: Environment }
  | { readonly impossible: string };

/** What other runtimes say about themselves. */
const { Bun, Deno } = globalThis as {
  readonly Bun?: { readonly isStandaloneExecutable?: boolean };
  readonly Deno?: { readonly build?: { readonly standalone?: boolean } };
};

/** This executable, where Bun has made it of a program: its modules are in a file system of its own, `/$bunfs`, next to nothing. */
export const bunExecutable: string | undefined = Bun?.isStandaloneExecutable ? process.execPath : undefined;

let isServed = false;

/**
 * The program says that it looks, before it does anything else, whether it was started by {@link selfStart}.
 *
 * @returns whether it was
 */
export function isSelfStart(): boolean {
  isServed = true;
  return process.env[marker] !== undefined;
}

/**
 * Decides how to run a text in a process of its own.
 *
 * A runtime of its own (`node`, Bun, Deno) runs what `-e` gives it. Where the executable is the embedding program, `-e` is an argument
 * that the program would not know: it would do its own work a second time. Bun's executables turn into Bun when a variable says so. Of
 * all others (Node's single executables, `deno compile`, pkg; Electron, whose switch for it can be taken out) none is started
 * unless the program looks for that before its own work ({@link isSelfStart}): a program must not do its work twice because a key is read.
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
  return {
    args: ["--input-type=commonjs", "-e", text],
    env: { [marker]: "1", ELECTRON_RUN_AS_NODE: "1", ...(bunExecutable && { BUN_BE_BUN: "1" }) },
  };
}
