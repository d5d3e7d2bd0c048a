import assert from "node:assert/strict";
import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join, relative } from "node:path";
import { test, type TestContext } from "node:test";
import {
  runCommand,
  startCommand,
  withoutWaits,
  type CommandEnvironment,
  type CommandResult,
} from "../helpers/command.ts";
import { accelerated, scene, type Scene } from "../helpers/scene.ts";
import { sessionOf, storedSession, storeSession } from "../helpers/stored-session.ts";

/** A service that rotates and ends a session on reuse, and an expired session. */
async function sceneWithExpiredSession(t: TestContext): Promise<Scene> {
  const made = await scene(t);
  await storeSession(made.saas, made.env, sessionOf(made.saas));
  return made;
}

function assertOneToken(results: CommandResult[]): void {
  for (const { code, stderr } of results) assert.deepEqual([code, withoutWaits(stderr)], [0, ""]);
  assert.equal(new Set(results.map(({ stdout }) => stdout)).size, 1, "all print the same token");
}

// `npm run bench` has sixty-four, with a limit by the clock.
test("FR-010 NFR-008 NFR-009 24 processes with the same expired session refresh once, and all get the same token", async (t) => {
  const { saas, env, here } = await sceneWithExpiredSession(t);
  const results = await Promise.all(Array.from({ length: 24 }, () => runCommand(t, ["auth", "token"], env)));
  assertOneToken(results);
  assert.deepEqual(
    { refreshes: saas.counters.refreshes, reuses: saas.counters.reuses, sent: saas.count("/oauth/token") },
    { refreshes: 1, reuses: 0, sent: 1 },
  );
  assert.equal((await storedSession(env))?.accessToken.reveal(), results[0]?.stdout.trim());
  assert.equal((await here("auth refresh")).code, 0, "the session lives");
});

test("FR-010 the same directory under other names, from other places, is the same session: one refresh", async (t) => {
  const { saas, folder, env } = await sceneWithExpiredSession(t);
  // Without SPEC_KITTY_CONFIG_DIR: found through the home directory, by its name and by a symbolic link.
  mkdirSync(join(folder, ".config"), { mode: 0o700 });
  symlinkSync(join(folder, "config"), join(folder, ".config", "spec-kitty"));
  const link = `${folder}-home`;
  symlinkSync(folder, link);
  t.after(() => rmSync(link));
  mkdirSync(join(folder, "project", "deep"), { recursive: true });
  const { SPEC_KITTY_CONFIG_DIR: _, ...byHome } = env;
  const deep = join(folder, "project", "deep");
  const spellings: [env: CommandEnvironment, cwd: string][] = [
    [env, folder],
    [env, "/"],
    [byHome, deep],
    [{ ...byHome, HOME: link }, "/"],
    [{ ...byHome, HOME: undefined, XDG_CONFIG_HOME: join(folder, ".config") }, folder],
    [{ ...env, SPEC_KITTY_CONFIG_DIR: join(link, "config") }, folder],
    [{ ...env, SPEC_KITTY_CONFIG_DIR: "config" }, folder],
    [{ ...env, SPEC_KITTY_CONFIG_DIR: relative(deep, join(folder, "config")) }, deep],
    [{ ...env, SPEC_KITTY_CONFIG_DIR: `${folder}/project/.././config//` }, deep],
  ];
  const results = await Promise.all(spellings.map(([env, cwd]) => runCommand(t, ["auth", "token"], env, { cwd })));
  assertOneToken(results);
  assert.deepEqual({ refreshes: saas.counters.refreshes, reuses: saas.counters.reuses }, { refreshes: 1, reuses: 0 });
});

test("NFR-009 a holder that is stopped for two seconds in the middle of its refresh keeps its turn, and there is no second refresh", {
  skip: process.platform === "win32" && "needs signals",
}, async (t) => {
  const { saas, env, here } = await sceneWithExpiredSession(t);
  let answer = (): void => undefined;
  const answered = new Promise<void>((resolve) => (answer = resolve));
  saas.faults.next("/oauth/token", { gateAnswer: answered });
  const holder = startCommand(t, ["auth", "token"], env);
  await saas.until(() => saas.counters.refreshes === 1);
  holder.child.kill("SIGSTOP");
  const others = Array.from({ length: 2 }, () => startCommand(t, ["auth", "token"], env));
  answer();
  // Seven times faster: after its 15 s the holder has stood still for two.
  const impatient = await runCommand(t, ["auth", "token"], env, { nodeArgs: accelerated(7) });
  assert.equal(impatient.code, 3);
  // Reading the session before takes part of the 15 s.
  const [, seconds] =
    new RegExp(
      `^error: waited ([\\d.]+) s for the lock .*: process ${holder.child.pid} .*, and is stopped\n`,
      "m",
    ).exec(impatient.stderr) ?? [];
  assert.ok(Number(seconds) > 5 && Number(seconds) <= 15, impatient.stderr);
  assert.equal(saas.count("/oauth/token"), 1, "the others wait");
  holder.child.kill("SIGCONT");
  assertOneToken(await Promise.all([holder, ...others].map(({ ended }) => ended)));
  assert.deepEqual(
    { refreshes: saas.counters.refreshes, reuses: saas.counters.reuses, sent: saas.count("/oauth/token") },
    { refreshes: 1, reuses: 0, sent: 1 },
  );
  assert.equal((await here("auth refresh")).code, 0, "the session lives");
});

test("a wait of a second for another process's refresh is announced on stderr, with the process", async (t) => {
  const { saas, env } = await sceneWithExpiredSession(t);
  let answer = (): void => undefined;
  saas.faults.next("/oauth/token", { gateAnswer: new Promise<void>((resolve) => (answer = resolve)) });
  const holder = startCommand(t, ["auth", "token"], env);
  await saas.until(() => saas.counters.refreshes === 1);
  const waiting = startCommand(t, ["auth", "token"], env);
  const [, pid] = await waiting.shows(/^Waiting for process (\d+) to refresh the session …$/m);
  assert.equal(Number(pid), holder.child.pid);
  answer();
  assertOneToken(await Promise.all([holder.ended, waiting.ended]));
});
