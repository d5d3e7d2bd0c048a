import { open, type FileHandle } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import type { TestContext } from "node:test";

/** Replaces a function of a Node module for all importers, until the test ends. */
export function replaced<M extends object, N extends keyof M>(
  t: Pick<TestContext, "after">,
  module: M,
  name: N,
  by: (own: M[N]) => unknown,
): void {
  const own = module[name];
  const set = (value: M[N]): void => {
    module[name] = value;
    syncBuiltinESMExports();
  };
  t.after(() => set(own));
  set(by(own) as M[N]);
}

/** The prototype of open files of `node:fs/promises`. */
export async function fileHandles(): Promise<FileHandle> {
  const file = await open(process.execPath);
  await file.close();
  return Object.getPrototypeOf(file) as FileHandle;
}
