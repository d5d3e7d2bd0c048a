import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { FakeOptions } from "../fake-saas/options.ts";
import { approveDevice, denyDevice } from "../fake-saas/user.ts";
import { startCommand, type CommandResult, type RunningCommand } from "../helpers/command.ts";
import { runHere } from "../helpers/command-here.ts";
import { ManualClock } from "../helpers/manual-clock.ts";
import { fastClock, filesUnder, scene, type Scene } from "../helpers/scene.ts";
import { storedSession } from "../helpers/stored-session.ts";

const success = "✓ Logged in as alice@example.com (Acme Corp). Access token valid for 1 hour.\n";

/** As shown to the user. */
async function announced(running: RunningCommand): Promise<{ address: string; code: string }> {
  const [, address = ""] = await running.shows(/Open this URL in a browser, on any device:\n\n {2}(\S+)\n/);
  const [, code = ""] = await running.shows(/and enter this code:\n\n {2}(\S+)\n/);
  return { address, code };
}

/** Listening TCP sockets of a process (Linux). */
function listeningSockets(pid: number): number {
  const own = readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [/socket:\[(\d+)\]/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? ""];
    } catch {
      return [];
    }
  });
  const rows = ["tcp", "tcp6"].flatMap((kind) =>
    readFileSync(`/proc/${pid}/net/${kind}`, "utf8").trim().split("\n").slice(1),
  );
  return rows
    .map((row) => row.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode = ""]) => state === "0A" && own.includes(inode)).length;
}

/** Service and command in this process, with one clock that jumps from wait to wait. `onWait` runs during each. */
async function timed(
  t: TestContext,
  options: Partial<FakeOptions>,
  onWait: (at: Scene, shown: { address: string; code: string }) => unknown = () => undefined,
): Promise<{ at: Scene; clock: ManualClock; run: (...args: string[]) => Promise<CommandResult> }> {
  const clock = new ManualClock();
  const at = await scene(t, { ...options, now: () => clock.now() });
  let shown = { address: "", code: "" };
  clock.onSleep = () => onWait(at, shown);
  const heard = (stderr: string): void => {
    const [, address = "", code = ""] =
      /on any device:\n\n {2}(\S+)\n\nand enter this code:\n\n {2}(\S+)\n/.exec(stderr) ?? [];
    shown = { address, code };
  };
  return { at, clock, run: (...args) => runHere(["auth", "login", "--headless", ...args], at.env, { clock }, heard) };
}

test("FR-002 FR-018 FR-019 FR-020 C-006 NFR-002 --headless logs in with a code and few requests, without browser or port", async (t) => {
  const it = await scene(t, { deviceIntervalSeconds: 1 });
  const mark = join(it.folder, "browser-was-opened");
  const browser = join(it.folder, "browser");
  writeFileSync(browser, `#!/bin/sh\ntouch '${mark}'\n`, { mode: 0o755 });
  const running = startCommand(t, ["auth", "login", "--headless"], { ...it.env, BROWSER: browser });
  const { address, code } = await announced(running);
  assert.equal(address, `${it.saas.url}/device`);
  assert.match(code, /^[A-Z]{4}-[A-Z]{4}$/);
  await it.saas.until(() => it.saas.counters.devicePolls === 2);
  if (process.platform === "linux") assert.equal(listeningSockets(running.child.pid ?? 0), 0);
  await approveDevice(address, code);
  const { code: exit, stdout, stderr } = await running.ended;
  assert.deepEqual([exit, stdout], [0, success], stderr);
  assert.ok(!existsSync(mark));
  assert.equal(
    new URLSearchParams(it.saas.requests.find(({ path }) => path === "/oauth/device")?.body).get("scope"),
    "offline_access api.read api.write",
  );
  // One request before the first poll, one after the last, and no early poll.
  const asked = it.saas.requests.map(({ path }) => path).filter((path) => !/^\/device|well-known/.test(path));
  assert.deepEqual(asked, [
    "/oauth/device",
    ...Array<string>(it.saas.count("/oauth/token")).fill("/oauth/token"),
    "/api/v1/me",
  ]);
  assert.equal(it.saas.counters.slowDowns, 0);
  assert.equal((await storedSession(it.env))?.authFlow, "device_code");
});

test("FR-018 polls are 5 seconds apart by default; an interval of a minute is cut to 10 s until the service insists", async (t) => {
  for (const [interval, waitedMs] of [
    [null, 5_000],
    [60, 10_000],
  ] as const) {
    const { at, clock, run } = await timed(t, { deviceIntervalSeconds: interval });
    at.saas.faults.next("/oauth/token", { status: 400, body: { error: "access_denied" } });
    assert.equal((await run()).code, 5);
    assert.equal(at.saas.count("/oauth/token"), 1);
    assert.equal(clock.elapsed, waitedMs);
  }
});

test("FR-018 slow_down adds 5 seconds between polls, and the login still succeeds", async (t) => {
  const { at, clock, run } = await timed(t, { deviceIntervalSeconds: 1 }, (_, { address, code }) =>
    approveDevice(address, code),
  );
  at.saas.faults.next("/oauth/token", { status: 400, body: { error: "slow_down" } });
  assert.equal((await run()).stdout, success);
  assert.equal(at.saas.count("/oauth/token"), 2);
  assert.equal(clock.elapsed, 1_000 + 6_000);
});

test("FR-002 a device login survives broken connections, a service that is down and one that is busy", async (t) => {
  let wasDown = false;
  const { at, run } = await timed(t, { deviceIntervalSeconds: 1 }, async ({ saas }, { address, code }) => {
    if (wasDown || saas.count("/oauth/token") < 3) return;
    wasDown = true;
    await saas.stop();
    await saas.start();
    // The user shares connections with the command here, and old ones are closed.
    await approveDevice(address, code).catch(() => approveDevice(address, code));
  });
  at.saas.faults.next("/oauth/token", { reset: "before" });
  at.saas.faults.next("/oauth/token", { status: 503 });
  at.saas.faults.next("/oauth/token", { status: 429, headers: { "Retry-After": "2" } });
  const { code, stdout, stderr } = await run();
  assert.deepEqual([code, stdout, wasDown], [0, success, true], stderr);
});

test("FR-002 a denied code is exit 5 and stores nothing", async (t) => {
  const { saas, env, folder } = await scene(t, { deviceIntervalSeconds: 1 });
  const running = startCommand(t, ["auth", "login", "--headless"], env);
  const { address, code } = await announced(running);
  await denyDevice(address, code);
  const { code: exit, stdout, stderr } = await running.ended;
  assert.deepEqual([exit, stdout], [5, ""]);
  assert.match(stderr, /^error: the login was denied\nhint: Run: spec-kitty auth login --headless\n$/m);
  assert.equal(saas.counters.logins, 0);
  assert.equal(filesUnder(join(folder, "config")).size, 0);
});

test("NFR-003 polling ends when the code expires", async (t) => {
  const { at, run } = await timed(t, { deviceIntervalSeconds: 1, deviceCodeSeconds: 2 });
  const { code, stdout, stderr } = await run();
  assert.deepEqual([code, stdout], [6, ""]);
  assert.match(stderr, /^error: nobody approved the code in time\nhint: Run: spec-kitty auth login --headless\n$/m);
  assert.equal(filesUnder(join(at.folder, "config")).size, 0);
});

test("--timeout limits how long a device login waits, and the hint keeps --force and the URL", async (t) => {
  const { at, clock } = await timed(t, { deviceIntervalSeconds: 5 });
  const { code, stdout, stderr } = await runHere(
    ["auth", "login", at.saas.url, "--headless", "--force", "--timeout", "12"],
    at.env,
    { clock },
  );
  assert.deepEqual([code, stdout], [6, ""], stderr);
  assert.ok(
    stderr.endsWith(
      `error: nobody approved the code within 12 seconds\nhint: Run: spec-kitty auth login ${at.saas.url} --headless --force\n`,
    ),
    stderr,
  );
  assert.deepEqual([at.saas.counters.devicePolls, clock.elapsed], [2, 12_000]);
});

test("NFR-003 polling ends after 15 minutes, whatever lifetime the service gives the code", async (t) => {
  const { clock, run } = await timed(t, { deviceIntervalSeconds: 5, deviceCodeSeconds: 86_400 });
  const { code, stderr } = await run();
  assert.equal(code, 6, stderr);
  assert.match(stderr, /nobody approved the code in time/);
  assert.ok(clock.elapsed > 14 * 60_000 && clock.elapsed <= 15 * 60_000, `${clock.elapsed} ms`);
});

test("FR-002 two device logins at once each get their own account", async (t) => {
  const { saas, env } = await scene(t, { deviceIntervalSeconds: 1 });
  const one = startCommand(t, ["auth", "login", "--headless", "--profile", "one"], env);
  const two = startCommand(t, ["auth", "login", "--headless", "--profile", "two"], env);
  const [first, second] = await Promise.all([announced(one), announced(two)]);
  assert.notEqual(first.code, second.code);
  await Promise.all([
    approveDevice(second.address, second.code, { as: "bob" }),
    approveDevice(first.address, first.code),
  ]);
  assert.deepEqual([(await one.ended).code, (await two.ended).code], [0, 0]);
  assert.equal((await storedSession(env, "one"))?.user.email, "alice@example.com");
  assert.equal((await storedSession(env, "two"))?.user.email, "bob@example.com");
  assert.equal(saas.counters.slowDowns, 0);
});

for (const [what, fault, exit, error] of [
  ["has no device login", { status: 404, body: "<h1>not found</h1>" }, 1, /returned 404/],
  ["refuses the client", { status: 401, body: { error: "invalid_client" } }, 1, /returned 401 "invalid_client"/],
  ["is down", { status: 500 }, 3, /returned 500/],
  [
    "gives no code",
    { body: { device_code: "dc", verification_uri: "https://service.example/device", expires_in: 900 } },
    1,
    /"user_code" is not a (short )?string/,
  ],
  [
    "gives an address that is no page",
    { body: { device_code: "dc", user_code: "A", verification_uri: "javascript:alert(1)", expires_in: 900 } },
    1,
    /"verification_uri" is not the https: URL of a page/,
  ],
  [
    "gives a code that has expired already",
    { body: { device_code: "dc", user_code: "A", verification_uri: "https://service.example/device", expires_in: -1 } },
    1,
    /"expires_in" is not a positive number of seconds/,
  ],
] as const) {
  test(`FR-002 a service that ${what} ends a device login with an error and a hint`, async (t) => {
    const { saas, here, folder } = await scene(t);
    saas.faults.next("/oauth/device", fault);
    const { code, stdout, stderr } = await here("auth login --headless");
    assert.deepEqual([code, stdout], [exit, ""]);
    assert.match(stderr, error);
    assert.match(stderr, /^hint: \S/m);
    assert.equal(saas.count("/oauth/token"), 0);
    assert.equal(filesUnder(join(folder, "config")).size, 0);
  });
}

test("FR-019 a user code in one row is shown in chunks, letters or digits, and any other as the service wrote it", async (t) => {
  const { saas, here } = await scene(t);
  for (const [code, shown] of [
    ["ABCDEFGH", "ABCD-EFGH"],
    ["12345678", "1234-5678"],
    ["123456789", "123-456-789"],
    ["AB12CD34EF", "AB12C-D34EF"],
    ["ABC-DEF", "ABC-DEF"],
    ["ABCDEFGHIJK", "ABCDEFGHIJK"],
  ] as const) {
    const answer = {
      device_code: "d",
      user_code: code,
      verification_uri: `${saas.url}/device`,
      expires_in: 30,
      interval: 5,
    };
    saas.faults.next("/oauth/device", { status: 200, body: answer });
    const { stderr } = await here("auth login --headless", {}, { clock: fastClock(100) });
    assert.ok(stderr.includes(`\n  ${shown}\n`), stderr);
  }
});
