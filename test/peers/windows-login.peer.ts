// Logins and the queue with the real command on Windows, as Wine plays it. Needs the Debian package wine64, and a build.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { CommandResult } from "../helpers/command.ts";
import { hurried } from "../helpers/scene.ts";
import { startWindows, withoutWindows, type Windows } from "../helpers/windows.ts";
import { loggedInOnWindows, success, windowsScene } from "./windows-scene.ts";

const skip = withoutWindows;
let windows: Windows;
before(() => void (skip === false && (windows = startWindows())));
after(() => skip === false && windows.stop());

test("NFR-014 on Windows a login by code leaves a session that later commands use, and logout ends", {
  skip,
}, async (t) => {
  const { saas, run } = await loggedInOnWindows(t, windows);
  const token = await run("auth token");
  assert.deepEqual([token.code, token.stderr], [0, ""]);
  assert.ok(saas.accessTokens.has(token.stdout.trim()));
  assert.equal((await run("auth logout")).code, 0);
  assert.equal((await run("auth token")).code, 4);
});

test("NFR-014 on Windows a login in the browser keeps its key in the Credential Manager, and logout --all removes it there", {
  skip,
}, async (t) => {
  const { saas, run: start } = await windowsScene(t, windows);
  // A keychain has 3 s to answer. Starting a Node takes Wine a part of that, and a busy machine is not a keychain that hangs.
  const run = (args: string): Promise<CommandResult> => start(args, { nodeArgs: hurried(3000, 30_000) });
  const login = await run("auth login");
  assert.deepEqual([login.code, login.stdout], [0, success], login.stderr);
  assert.equal(
    saas.count("/oauth/authorize", ({ method }) => method === "POST"),
    1,
  );
  const credentials = async (): Promise<string[]> => {
    const { stdout } = await windows.startProgram("reg", ["query", "HKCU\\Software\\Wine\\Credential Manager", "/s"])
      .ended;
    return stdout.split(/\r?\n/).filter((line) => line.includes("spec-kitty"));
  };
  assert.notDeepEqual(await credentials(), []);
  assert.match(
    JSON.stringify((JSON.parse((await run("auth status --json")).stdout) as { storage: unknown }).storage),
    /keychain/,
  );
  assert.ok(saas.accessTokens.has((await run("auth token")).stdout.trim()));
  assert.equal((await run("auth logout --all")).code, 0);
  assert.deepEqual(await credentials(), []);
});

test("NFR-014 on Windows events that processes emit while others drain reach the service", { skip }, async (t) => {
  const { saas, run } = await loggedInOnWindows(t, windows);
  const ids: string[] = [];
  const emit = async (content: string): Promise<void> => {
    const { code, stdout, stderr } = await run(
      `sync emit HistoryAdded --aggregate WP01 --payload {"wp_id":"WP01","entry_type":"note","entry_content":"${content}"}`,
    );
    assert.equal(code, 0, stderr);
    ids.push(/[0-9A-Z]{26}/.exec(stdout)?.[0] ?? assert.fail(stdout));
  };
  const drain = async (): Promise<void> => {
    const { code, stderr } = await run("sync now", { node: "node-24" });
    assert.equal(code, 0, stderr);
  };
  const times = async (count: number, action: () => Promise<void>): Promise<void> => {
    for (let left = count; left > 0; left -= 1) await action();
  };
  // Small events are appended to a file, one after the other here: what two processes append at once is whole on Windows, not on Wine.
  await Promise.all([
    times(6, () => emit("small")),
    ...Array.from({ length: 6 }, () => emit("x".repeat(2500))),
    times(4, drain),
    times(4, drain),
  ]);
  await drain();
  assert.deepEqual([...saas.events.keys()].sort(), ids.sort());
});
