// The real command against the test's own fake service.
import { watch } from "node:fs";
import { access, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { startFakeSaas, type FakeSaas } from "../fake-saas/server.ts";
import { runNode, type Run } from "./session.ts";

const bin = fileURLToPath(new URL("../../bin/spec-kitty.js", import.meta.url));

export interface Command {
  saas: FakeSaas;
  /** The sealed sessions, if any. */
  credentials: string;
  run(...args: string[]): Promise<Run>;
}

/** @param env - the session's; undefined variables are not passed on */
export async function command(t: TestContext, home: string, env: NodeJS.ProcessEnv): Promise<Command> {
  const saas = await startFakeSaas();
  t.after(() => saas.close());
  const config = join(home, "spec-kitty");
  const all = { ...env, SPEC_KITTY_SAAS_URL: saas.url, SPEC_KITTY_CONFIG_DIR: config };
  return { saas, credentials: join(config, "keys"), run: (...args) => runNode([bin, ...args], all) };
}

/** The content of a file once it exists, written whole. */
export function appeared(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const look = (): void =>
      void readFile(path, "utf8").then(
        (text) => end(() => resolve(text)),
        () => {},
      );
    const watcher = watch(dirname(path), look);
    const timer = setTimeout(() => end(() => reject(new Error(`"${path}" did not appear within 20 s`))), 20_000);
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      watcher.close();
      settle();
    };
    look();
  });
}

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
