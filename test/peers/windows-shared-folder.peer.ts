// A directory shared by Windows (under Wine) and this machine: with different kinds of locks, both make one refresh.
// Needs the Debian package wine64, and a build.
import assert from "node:assert/strict";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { startCommand, type CommandResult, type RunningCommand } from "../helpers/command.ts";
import { accelerated, later, scene, type Scene } from "../helpers/scene.ts";
import { startWindows, withoutWindows, type Windows } from "../helpers/windows.ts";

const skip = withoutWindows;
let windows: Windows;
before(() => {
  if (skip !== false) return;
  // Windows' files get this process's modes, and files that others can read are not used.
  process.umask(0o077);
  windows = startWindows();
});
after(() => skip === false && windows.stop());

interface SharedScene extends Scene {
  startHere(args: string, nodeArgs?: readonly string[]): RunningCommand;
  startThere(args: string, nodeArgs?: readonly string[]): RunningCommand;
}

let scenes = 0;

/** With alice logged in, and a key that both systems can derive. */
async function sharedScene(t: TestContext): Promise<SharedScene> {
  scenes += 1;
  const folder = `shared-${scenes}`;
  mkdirSync(join(windows.drive, folder), { mode: 0o700 });
  const both = { SPEC_KITTY_PASSPHRASE: "correct horse" };
  const made = await scene(t, {}, { ...both, SPEC_KITTY_CONFIG_DIR: join(windows.drive, folder) });
  const login = await made.run("auth login");
  assert.equal(login.code, 0, login.stderr);
  const env = { ...both, SPEC_KITTY_SAAS_URL: made.saas.url, SPEC_KITTY_CONFIG_DIR: `C:\\${folder}` };
  return {
    ...made,
    startHere: (args, nodeArgs = []) => startCommand(t, args.split(" "), made.env, { nodeArgs }),
    startThere: (args, nodeArgs = []) => windows.start(args.split(" "), { env, nodeArgs }),
  };
}

/** Holds the response to the next refresh until it is called. */
function gate({ saas }: Scene): () => void {
  let answer = (): void => undefined;
  saas.faults.next("/oauth/token", { gateAnswer: new Promise<void>((resolve) => (answer = resolve)) });
  return () => answer();
}

/** Wine's message when a thread of an ended program fails. */
const winesOwn = /^wine: .*\n/gm;
const waits = /^Waiting for (process \d+|another process) to refresh the session …\n/m;
/** Messages after a second of waiting. */
const announced = /^Waiting for .* to refresh the session …\n/gm;

test("FR-010 NFR-014 a directory of Windows and Linux: 4 and 4 processes with the same expired session refresh once, whichever begins", {
  skip,
}, async (t) => {
  const at = await sharedScene(t);
  for (const [round, first] of [at.startHere, at.startThere].entries()) {
    const { refreshes } = at.saas.counters;
    const hours = (round + 1) * 7_200_000;
    at.saas.options.clockOffsetMs = hours;
    const answer = gate(at);
    const begun = first("auth token", later(hours));
    await at.saas.until(() => at.saas.counters.refreshes > refreshes);
    const others = [at.startHere, at.startHere, at.startHere, at.startThere, at.startThere, at.startThere].map(
      (start) => start("auth token", later(hours)),
    );
    await Promise.all(others.map(({ shows }) => shows(waits)));
    answer();
    const results: CommandResult[] = await Promise.all([begun, ...others].map(({ ended }) => ended));
    for (const { code, stderr } of results)
      assert.deepEqual([code, stderr.replace(announced, "").replace(winesOwn, "")], [0, ""]);
    const [token, ...different] = new Set(results.map(({ stdout }) => stdout.trim()));
    assert.deepEqual([different, at.saas.accessTokens.has(token ?? "")], [[], true]);
    assert.deepEqual([at.saas.counters.refreshes, at.saas.counters.reuses], [refreshes + 1, 0]);
  }
  const names = readdirSync(at.config, { recursive: true, encoding: "utf8" });
  const left = names.filter((name) => name.includes(".lock") && !name.endsWith(".lockfile"));
  assert.deepEqual(left, [], "nothing of the one is in the way of the other");
});

for (const [killed, begins, goesOn] of [
  ["Windows", "startThere", "startHere"],
  ["Linux", "startHere", "startThere"],
] as const) {
  test(`NFR-017 in a directory of Windows and Linux the lock of a process killed on ${killed} is free after 30 s for the other`, {
    skip,
  }, async (t) => {
    const at = await sharedScene(t);
    const asked = at.saas.count("/oauth/token");
    at.saas.faults.next("/oauth/token", { hang: true });
    const holder = at[begins]("auth refresh");
    await at.saas.until(() => at.saas.count("/oauth/token") > asked);
    // Five times faster.
    const next = at[goesOn]("auth refresh", accelerated(5));
    await next.shows(waits);
    holder.child.kill("SIGKILL");
    const { code, stderr } = await next.ended;
    assert.equal(code, 0, stderr);
    assert.deepEqual([at.saas.counters.refreshes, at.saas.counters.reuses], [1, 0]);
  });
}
