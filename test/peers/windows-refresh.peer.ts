// Refreshes with the real command on Windows, as Wine plays it. Needs the Debian package wine64, and a build.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { later } from "../helpers/scene.ts";
import { until } from "../helpers/until.ts";
import { startWindows, withoutWindows, type Windows } from "../helpers/windows.ts";
import { loggedInOnWindows, type WindowsScene } from "./windows-scene.ts";

const skip = withoutWindows;
let windows: Windows;
before(() => void (skip === false && (windows = startWindows())));
after(() => skip === false && windows.stop());

let shared: Promise<WindowsScene> | undefined;
after(async () => (await shared)?.saas.close());

/** One session for all of them: a login takes longer than what they are about. */
function session(): Promise<WindowsScene> {
  return (shared ??= loggedInOnWindows({ after: () => undefined }, windows));
}

const waits = /^Waiting for process \d+ to refresh the session …\n$/;
/** What those say that wait for a second, for the process or for the service. */
const announced = /^Waiting for .* to refresh the session …\n/gm;
const rounds = 5;
for (let round = 1; round <= rounds; round += 1) {
  test(`NFR-014 on Windows 8 processes with the same expired session refresh once, and all get the same token (${round} of ${rounds})`, {
    skip,
  }, async () => {
    const { saas, start } = await session();
    const { refreshes } = saas.counters;
    saas.options.clockOffsetMs = round * 7_200_000;
    // The answer comes when one has asked and seven wait, so that the file is read and replaced at the same time.
    let answer = (): void => undefined;
    saas.faults.next("/oauth/token", { gateAnswer: new Promise<void>((resolve) => (answer = resolve)) });
    const nodeArgs = later(saas.options.clockOffsetMs);
    const running = Array.from({ length: 8 }, (_, n) =>
      start("auth token", { nodeArgs, node: n % 2 === 0 ? "node-20" : "node-24" }),
    );
    let left = 7;
    for (const { shows } of running)
      void shows(waits).then(
        () => (left -= 1) === 0 && answer(),
        () => undefined,
      );
    const results = await Promise.all(running.map(({ ended }) => ended));
    for (const { code, stderr } of results) assert.deepEqual([code, stderr.replace(announced, "")], [0, ""]);
    const [token, ...others] = new Set(results.map(({ stdout }) => stdout.trim()));
    assert.deepEqual([others, saas.accessTokens.has(token ?? "")], [[], true]);
    assert.deepEqual([saas.counters.refreshes, saas.counters.reuses], [refreshes + 1, 0]);
  });
}

test("NFR-014 on Windows a refreshed session is stored even if another program has the file open", {
  skip,
}, async () => {
  const { saas, folder, run, start } = await session();
  const { refreshes } = saas.counters;
  const hold =
    "const fs = require('node:fs'); fs.openSync(process.argv[1], 'r'); console.log('open'); setInterval(() => {}, 1000);";
  const names = (): string[] => readdirSync(folder, { recursive: true, encoding: "utf8" });
  const file = join(folder, names().find((name) => /^sessions(\/[0-9a-f]+){3}$/.test(name)) ?? assert.fail());
  const reader = windows.startProgram("node", ["-e", hold, file]);
  await reader.shows(/open/);
  const old = readFileSync(file);
  const refresh = start("auth refresh");
  await saas.until(() => saas.counters.refreshes > refreshes);
  // The new content is written, and cannot take the place of the old one.
  const path = join(folder, names().find((name) => name.endsWith(".tmp")) ?? assert.fail());
  await until("the room is used", async () => {
    await turn();
    return readFileSync(path)[0] !== 0;
  });
  assert.deepEqual(readFileSync(file), old);
  reader.child.kill("SIGKILL");
  const { code, stderr } = await refresh.ended;
  assert.equal(code, 0, stderr);
  assert.notDeepEqual(readFileSync(file), old);
  assert.ok(saas.accessTokens.has((await run("auth token")).stdout.trim()));
});

test("NFR-014 on Windows the lock of a killed process is taken over", { skip }, async () => {
  const { saas, run, start } = await session();
  const { refreshes } = saas.counters;
  const asked = saas.count("/oauth/token");
  saas.faults.next("/oauth/token", { hang: true });
  const holder = start("auth refresh");
  await saas.until(() => saas.count("/oauth/token") > asked);
  const next = start("auth refresh");
  await next.shows(/Waiting for process \d+/);
  holder.child.kill("SIGKILL");
  const { code, stderr } = await next.ended;
  assert.equal(code, 0, stderr);
  assert.equal(saas.counters.refreshes, refreshes + 1);
  assert.match((await run("auth doctor --verbose")).stdout, /D501 lock +none is held/);
});
