// Needs the Debian packages dbus, dbus-daemon and gnome-keyring. Run: npm run --prefix test/peers keychain
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { typescript } from "../helpers/command.ts";
import { runNode, startSession, type Run, type Session } from "./session.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const KEY = Buffer.alloc(32, 7).toString("base64url");

async function session(t: TestContext): Promise<Session> {
  const started = await startSession();
  t.after(() => started.stop());
  return started;
}

async function use({ env }: Session, ...operations: string[]): Promise<{ run: Run; lines: Record<string, unknown>[] }> {
  const run = await runNode([...typescript, `${root}test/peers/keychain-user.ts`, ...operations], env);
  const lines = run.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { run, lines };
}

/** Fails without blocking, and the process ends with its own exit code. */
async function refuses(on: Session, operation: string, message: RegExp): Promise<void> {
  const { run, lines } = await use(on, operation);
  const [line] = lines;
  assert.equal(line?.["code"], "keychain_unavailable", run.stdout + run.stderr);
  assert.match(String(line["message"]), message);
  assert.match(String(line["hint"]), /--storage file/);
  assert.ok(
    Number(line["longestGapMs"]) < 2500,
    `the event loop stood still for ${String(line["longestGapMs"])} ms of the 3 s`,
  );
  assert.equal(run.code, 7, "it hung, and was killed");
}

test("FR-006 a key is kept, replaced, found and forgotten by gnome-keyring", async (t) => {
  const desktop = await session(t);
  await desktop.startGnomeKeyring();
  const { lines, run } = await use(desktop, "read", "write", "write", "read", "remove", "remove", "read");
  assert.deepEqual(
    lines.map((line) => line["found"]),
    [null, null, null, KEY, null, null, null],
    run.stdout + run.stderr,
  );
  assert.equal(run.code, 0);
});

test("another program finds the key that one program kept", async (t) => {
  const desktop = await session(t);
  await desktop.startGnomeKeyring();
  await use(desktop, "write");
  assert.equal((await use(desktop, "read")).lines[0]?.["found"], KEY);
});

test("a gnome-keyring that is locked is an error that says so, for each operation, and opens no prompt", async (t) => {
  const desktop = await session(t);
  await desktop.startGnomeKeyring();
  await use(desktop, "write");
  await desktop.lock();
  for (const operation of ["read", "write", "remove"]) await refuses(desktop, operation, /^the keychain is locked$/);
});

test("a gnome-keyring that the bus starts, and that has no default keyring, is an error that says so", async (t) => {
  await refuses(await session(t), "write", /no default keychain/);
});

test("a session without a bus is an error that says so", async (t) => {
  const desktop = await session(t);
  const { DBUS_SESSION_BUS_ADDRESS: _bus, XDG_RUNTIME_DIR: _runtime, ...env } = desktop.env;
  await refuses({ ...desktop, env }, "read", /^no OS keychain is available$/);
  await refuses(
    { ...desktop, env: { ...env, DBUS_SESSION_BUS_ADDRESS: "unix:path=/nowhere/bus" } },
    "read",
    /^no OS keychain is available$/,
  );
});

test("a Secret Service that never responds is given up in time, and the process ends", async (t) => {
  const desktop = await session(t);
  await desktop.startScripted("--stall", "all");
  for (const operation of ["read", "write", "remove"])
    await refuses(desktop, operation, /(does not respond|did not respond within 3 s)/);
});

for (const stall of ["OpenSession", "CreateItem", "Get"]) {
  test(`a Secret Service that answers until ${stall} and then no more is given up in time, and the process ends`, async (t) => {
    const desktop = await session(t);
    await desktop.startScripted("--stall", stall);
    await refuses(desktop, "write", /(does not respond|did not respond within 3 s)/);
  });
}

test("a Secret Service that never hands out the secret it has is given up in time, and the process ends", async (t) => {
  const desktop = await session(t);
  await desktop.startScripted("--stall", "GetSecret");
  await use(desktop, "write");
  await refuses(desktop, "read", /(does not respond|did not respond within 3 s)/);
});

test("a prompt that the service completes itself is waited for", async (t) => {
  const desktop = await session(t);
  await desktop.startScripted("--prompt");
  const { lines } = await use(desktop, "write", "read", "remove", "read");
  assert.deepEqual(
    lines.map((line) => line["found"]),
    [null, KEY, null, null],
  );
});

test("a prompt without a response is given up in time, and the process ends", async (t) => {
  const desktop = await session(t);
  await desktop.startScripted("--prompt", "--stall", "Completed");
  await refuses(desktop, "write", /(does not respond|did not respond within 3 s)/);
});
