import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { approveDevice, denyDevice } from "../fake-saas/user.ts";
import { startCommand, type RunningCommand } from "../helpers/command.ts";
import { accelerated, fastNow, filesUnder, scene } from "../helpers/scene.ts";

const success = "✓ Logged in as alice@example.com (Acme Corp). Access token valid for 1 hour.\n";

/** The address and the code that the user is shown. */
async function announced(running: RunningCommand): Promise<{ address: string; code: string }> {
  const [, address = ""] = await running.shows(/Open this address in a browser, on any device:\n\n {2}(\S+)\n/);
  const [, code = ""] = await running.shows(/and enter this code:\n\n {2}(\S+)\n/);
  return { address, code };
}

/** How many TCP sockets a process listens on (Linux). */
function listeningSockets(pid: number): number {
  const own = readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [/socket:\[(\d+)\]/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? ""];
    } catch {
      return [];
    }
  });
  const rows = ["tcp", "tcp6"].flatMap((kind) => readFileSync(`/proc/${pid}/net/${kind}`, "utf8").trim().split("\n").slice(1));
  return rows.map((row) => row.trim().split(/\s+/)).filter(([, , , state, , , , , , inode = ""]) => state === "0A" && own.includes(inode)).length;
}

test("FR-002 FR-019 FR-020 C-006 --headless logs in with a code, and opens neither browser nor port", async (t) => {
  const it = await scene(t, { deviceIntervalSeconds: 1 });
  const mark = join(it.folder, "browser-was-opened");
  const browser = join(it.folder, "browser");
  writeFileSync(browser, `#!/bin/sh\ntouch '${mark}'\n`, { mode: 0o755 });
  const running = startCommand(t, ["auth", "login", "--headless"], { ...it.env, BROWSER: browser });
  const { address, code } = await announced(running);
  assert.equal(address, `${it.saas.url}/device`);
  assert.match(code, /^[A-Z]{4}-[A-Z]{4}$/);
  await it.saas.until(() => it.saas.counters.devicePolls > 0);
  if (process.platform === "linux") assert.equal(listeningSockets(running.child.pid ?? 0), 0);
  await approveDevice(address, code);
  const { code: exit, stdout, stderr } = await running.ended;
  assert.deepEqual([exit, stdout], [0, success], stderr);
  assert.ok(!existsSync(mark));
  assert.equal(it.saas.count("/oauth/authorize"), 0);
  assert.equal(it.saas.count("/oauth/device"), 1);
  assert.deepEqual(new Set(it.saas.requests.map(({ path }) => path).filter((path) => path.startsWith("/oauth"))), new Set(["/oauth/device", "/oauth/token"]));
  assert.equal(new URLSearchParams(it.saas.requests.find(({ path }) => path === "/oauth/device")?.body).get("scope"), "offline_access api.read api.write");
  const status = JSON.parse((await it.run("auth status --json")).stdout) as { authFlow: string };
  assert.equal(status.authFlow, "device_code");
});

test("NFR-002 FR-018 a device login sends one request before its first poll, one after its last, and no poll comes too early", async (t) => {
  const { saas, env } = await scene(t, { deviceIntervalSeconds: 1 });
  const running = startCommand(t, ["auth", "login", "--headless"], env);
  const { address, code } = await announced(running);
  await saas.until(() => saas.counters.devicePolls === 2);
  await approveDevice(address, code);
  assert.equal((await running.ended).code, 0);
  const asked = saas.requests.map(({ path }) => path).filter((path) => !/^\/device|well-known/.test(path));
  assert.deepEqual(asked, ["/oauth/device", ...Array<string>(saas.count("/oauth/token")).fill("/oauth/token"), "/api/v1/me"]);
  assert.equal(saas.counters.slowDowns, 0);
});

test("FR-018 polls are 5 seconds apart by default; an interval of a minute is cut to 10 s until the service insists", async (t) => {
  const factor = 10;
  for (const [interval, leastMs] of [[null, 5_000], [60, 10_000]] as const) {
    const { saas, env } = await scene(t, { deviceIntervalSeconds: interval, now: fastNow(factor) });
    const running = startCommand(t, ["auth", "login", "--headless"], env, { nodeArgs: accelerated(factor) });
    await announced(running);
    await saas.until(() => saas.counters.devicePolls === 1);
    const at = (path: string): number => saas.requests.find((request) => request.path === path)?.at ?? NaN;
    const waitedMs = (at("/oauth/token") - at("/oauth/device")) * factor;
    assert.ok(waitedMs >= leastMs - 300 && waitedMs < 60_000 - 300, `${interval}: ${waitedMs} ms`);
    running.child.kill("SIGKILL");
  }
});

test("FR-018 slow_down adds 5 seconds between polls, and the login still succeeds", async (t) => {
  const factor = 20;
  const { saas, env } = await scene(t, { deviceIntervalSeconds: 1, now: fastNow(factor) });
  saas.faults.next("/oauth/token", { status: 400, body: { error: "slow_down" } });
  const running = startCommand(t, ["auth", "login", "--headless"], env, { nodeArgs: accelerated(factor) });
  const { address, code } = await announced(running);
  await approveDevice(address, code);
  assert.equal((await running.ended).code, 0);
  const [first, second] = saas.requests.filter(({ path }) => path === "/oauth/token");
  const gapMs = ((second?.at ?? 0) - (first?.at ?? 0)) * factor;
  assert.ok(gapMs >= 6_000 - 300, `${gapMs} ms`);
});

test("FR-002 a device login survives broken connections, a service that is down and one that is busy", async (t) => {
  const factor = 20;
  const { saas, env } = await scene(t, { deviceIntervalSeconds: 1, now: fastNow(factor) });
  saas.faults.next("/oauth/token", { reset: "before" });
  saas.faults.next("/oauth/token", { status: 503 });
  saas.faults.next("/oauth/token", { status: 429, headers: { "Retry-After": "2" } });
  const running = startCommand(t, ["auth", "login", "--headless"], env, { nodeArgs: accelerated(factor) });
  const { address, code } = await announced(running);
  await saas.until(() => saas.count("/oauth/token") === 3);
  await saas.stop();
  await saas.start();
  await approveDevice(address, code);
  const { code: exit, stdout, stderr } = await running.ended;
  assert.equal(exit, 0, stderr);
  // How long the token is still good for depends on how fast the clock ran meanwhile.
  assert.match(stdout, /^✓ Logged in as alice@example\.com \(Acme Corp\)\. Access token valid for /);
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
  const { env, folder } = await scene(t, { deviceIntervalSeconds: 1, deviceCodeSeconds: 2 });
  const { code, stdout, stderr } = await startCommand(t, ["auth", "login", "--headless"], env).ended;
  assert.deepEqual([code, stdout], [6, ""]);
  assert.match(stderr, /^error: the code expired before it was approved\nhint: Run: spec-kitty auth login --headless\n$/m);
  assert.equal(filesUnder(join(folder, "config")).size, 0);
});

test("--timeout limits how long a device login waits, and the hint keeps --force and the address", async (t) => {
  const factor = 20;
  const { saas, env } = await scene(t, { deviceIntervalSeconds: 5, now: fastNow(factor) });
  const args = ["auth", "login", saas.url, "--headless", "--force", "--timeout", "12"];
  const { code, stdout, stderr } = await startCommand(t, args, env, { nodeArgs: accelerated(factor) }).ended;
  assert.deepEqual([code, stdout], [6, ""], stderr);
  assert.ok(stderr.endsWith(`error: the code was not approved within 12 seconds\nhint: Run: spec-kitty auth login ${saas.url} --headless --force\n`), stderr);
  assert.ok(saas.counters.devicePolls <= 2);
});

test("FR-019 eight letters without a dash are shown in two halves, and a code with dashes of its own as it came", async (t) => {
  const { saas, env } = await scene(t, { deviceIntervalSeconds: 1 });
  for (const [sent, shown] of [["WDJBMJHT", "WDJB-MJHT"], ["ABC-DEF-GHI", "ABC-DEF-GHI"], ["12345678", "12345678"]] as const) {
    saas.faults.next("/oauth/device", { edit: (answer) => ({ ...answer, user_code: sent }) });
    const running = startCommand(t, ["auth", "login", "--headless"], env);
    assert.equal((await announced(running)).code, shown);
    running.child.kill("SIGKILL");
  }
});

test("NFR-003 polling ends after 15 minutes, whatever lifetime the service gives the code", async (t) => {
  const factor = 300;
  const { saas, env } = await scene(t, { deviceIntervalSeconds: 5, deviceCodeSeconds: 86_400, now: fastNow(factor) });
  const { code, stderr } = await startCommand(t, ["auth", "login", "--headless"], env, { nodeArgs: accelerated(factor) }).ended;
  assert.equal(code, 6, stderr);
  assert.match(stderr, /the code expired before it was approved/);
  const polls = saas.requests.filter(({ path }) => path === "/oauth/token");
  const lastMs = ((polls.at(-1)?.at ?? 0) - (saas.requests.find(({ path }) => path === "/oauth/device")?.at ?? 0)) * factor;
  assert.ok(lastMs > 5 * 60_000 && lastMs < 20 * 60_000, `${lastMs} ms`);
});

test("FR-002 two device logins at once each get their own account", async (t) => {
  const { saas, env, run } = await scene(t, { deviceIntervalSeconds: 1 });
  const one = startCommand(t, ["auth", "login", "--headless", "--profile", "one"], env);
  const two = startCommand(t, ["auth", "login", "--headless", "--profile", "two"], env);
  const [first, second] = await Promise.all([announced(one), announced(two)]);
  assert.notEqual(first.code, second.code);
  await Promise.all([approveDevice(second.address, second.code, { as: "bob" }), approveDevice(first.address, first.code)]);
  assert.deepEqual([(await one.ended).code, (await two.ended).code], [0, 0]);
  assert.equal((await run("auth whoami --profile one")).stdout, "alice@example.com\n");
  assert.equal((await run("auth whoami --profile two")).stdout, "bob@example.com\n");
  assert.equal(saas.counters.slowDowns, 0);
});

for (const [what, fault, exit, error] of [
  ["has no device login", { status: 404, body: "<h1>not found</h1>" }, 1, /answered 404/],
  ["refuses the client", { status: 401, body: { error: "invalid_client" } }, 1, /answered 401 "invalid_client"/],
  ["is down", { status: 500 }, 3, /answered 500/],
  ["gives no code", { body: { device_code: "dc", verification_uri: "https://service.example/device", expires_in: 900 } }, 1, /"user_code" is not a (short )?string/],
  ["gives an address that is no page", { body: { device_code: "dc", user_code: "A", verification_uri: "javascript:alert(1)", expires_in: 900 } }, 1, /"verification_uri" is not the https: address of a page/],
  ["gives a code that has expired already", { body: { device_code: "dc", user_code: "A", verification_uri: "https://service.example/device", expires_in: -1 } }, 1, /"expires_in" is not a positive number of seconds/],
] as const) {
  test(`FR-002 a service that ${what} ends a device login with an error and a hint`, async (t) => {
    const { saas, run, folder } = await scene(t);
    saas.faults.next("/oauth/device", fault);
    const { code, stdout, stderr } = await run("auth login --headless");
    assert.deepEqual([code, stdout], [exit, ""]);
    assert.match(stderr, error);
    assert.match(stderr, /^hint: \S/m);
    assert.equal(saas.count("/oauth/token"), 0);
    assert.equal(filesUnder(join(folder, "config")).size, 0);
  });
}
