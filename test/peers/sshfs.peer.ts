// A directory over sshfs, shared by two machines: this one plays both, over the network and directly. Needs the Debian
// packages sshfs and openssh-server, and a build.
import assert from "node:assert/strict";
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { startCommand, typescript, type RunningCommand } from "../helpers/command.ts";
import { accelerated, freePort, scene, type Scene } from "../helpers/scene.ts";
import { sessionOf, storeSession } from "../helpers/stored-session.ts";

const lockHelper = fileURLToPath(new URL("../acceptance/process-lock-helper.ts", import.meta.url));
const sshd = "/usr/sbin/sshd";
const missing = [sshd, "/usr/bin/sshfs", "/dev/fuse"].find((path) => !existsSync(path));
const skip = missing !== undefined && `needs sshfs and openssh-server: there is no ${missing}`;

/** At the server, and where mounted. */
let [there, here] = ["", ""];
let place = "";
let server: ChildProcess | undefined;
let mount: ChildProcess | undefined;

before(async () => {
  if (skip !== false) return;
  place = mkdtempSync(join(tmpdir(), "spec-kitty-sshfs-"));
  [there, here] = [join(place, "there"), join(place, "here")];
  for (const folder of [there, here]) mkdirSync(folder, { mode: 0o700 });
  for (const key of ["host", "user"]) run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(place, key)]);
  // As root sshd needs an empty directory for its privilege separation.
  if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  const port = await freePort();
  const options = [
    "ListenAddress=127.0.0.1",
    `Port=${port}`,
    `HostKey=${join(place, "host")}`,
    `AuthorizedKeysFile=${join(place, "user")}.pub`,
    "StrictModes=no",
    "UsePAM=no",
    "PermitRootLogin=yes",
    "PidFile=none",
    "Subsystem=sftp internal-sftp",
  ].flatMap((option) => ["-o", option]);
  server = spawn(sshd, ["-D", "-e", "-f", "/dev/null", ...options], { stdio: ["ignore", "ignore", "pipe"] });
  if (server.stderr) await once(server.stderr, "data");
  const client = `port=${port},IdentityFile=${join(place, "user")},StrictHostKeyChecking=no,UserKnownHostsFile=/dev/null`;
  const unmounted = statfsSync(here).type;
  mount = spawn("sshfs", ["-f", "-o", client, `${userInfo().username}@127.0.0.1:${there}`, here], { stdio: "inherit" });
  for (let tries = 0; statfsSync(here).type === unmounted; tries += 1) {
    assert.ok(tries < 600, "it is not mounted within 30 s");
    await sleep(50);
  }
});
after(() => {
  if (place === "") return;
  spawnSync("fusermount3", ["-u", "-z", here]);
  mount?.kill("SIGKILL");
  server?.kill("SIGKILL");
  rmSync(place, { recursive: true, force: true });
});

function run(program: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: "utf8", stdio: ["ignore", "ignore", "pipe"] });
  assert.equal(status, 0, `${program}: ${stderr}`);
}

interface SharedScene extends Scene {
  start(where: "here" | "there", args: string, nodeArgs?: readonly string[]): RunningCommand;
}

let scenes = 0;

/** In a directory with two paths. */
async function sharedScene(t: TestContext): Promise<SharedScene> {
  scenes += 1;
  const name = `shared-${scenes}`;
  mkdirSync(join(there, name), { mode: 0o700 });
  const made = await scene(t, {}, { SPEC_KITTY_CONFIG_DIR: join(there, name) });
  await storeSession(made.saas, made.env, sessionOf(made.saas));
  const paths = { here: join(here, name), there: join(there, name) };
  return {
    ...made,
    start: (where, args, nodeArgs = []) =>
      startCommand(t, args.split(" "), { ...made.env, SPEC_KITTY_CONFIG_DIR: paths[where] }, { nodeArgs }),
  };
}

const waits = /^Waiting for .* …\n/gm;

for (const [what, where] of [
  ["over sshfs", ["here"]],
  ["over sshfs and at the folder itself", ["here", "there"]],
] as const) {
  test(`FR-010 NFR-009 16 processes ${what} with the same expired session refresh once, and all get the same token`, {
    skip,
  }, async (t) => {
    const at = await sharedScene(t);
    const all = Array.from({ length: 16 }, (_, n) => at.start(where[n % where.length] ?? "here", "auth token"));
    const results = await Promise.all(all.map(({ ended }) => ended));
    for (const { code, stderr } of results) assert.deepEqual([code, stderr.replace(waits, "")], [0, ""]);
    assert.equal(new Set(results.map(({ stdout }) => stdout)).size, 1);
    const { refreshes, reuses } = at.saas.counters;
    assert.deepEqual([refreshes, reuses, at.saas.count("/oauth/token")], [1, 0, 1]);
    const names = readdirSync(at.config, { recursive: true, encoding: "utf8" });
    assert.deepEqual(
      names.filter((name) => name.includes(".lock")),
      [],
    );
  });
}

/** With a lock in the directory. */
function locker(
  t: TestContext,
  where: "here" | "there",
  task: "hold" | "wait",
  nodeArgs: readonly string[] = [],
): RunningCommand {
  const path = join(where === "here" ? here : there, "lock");
  return startCommand(t, [task, path], process.env, { program: lockHelper, nodeArgs: [...typescript, ...nodeArgs] });
}

for (const [holds, wants] of [
  ["here", "there"],
  ["there", "here"],
] as const) {
  const names = { here: "over sshfs", there: "at the folder itself" };
  test(`NFR-017 the lock of a holder ${names[holds]} is respected ${names[wants]}, and free 30 s after it was killed`, {
    skip,
  }, async (t) => {
    const holder = locker(t, holds, "hold");
    await holder.shows(/^held /m);
    // Three times faster.
    const waiter = locker(t, wants, "wait", accelerated(3));
    await waiter.shows(/^ready$/m);
    waiter.child.stdin?.write("\n");
    await waiter.shows(/^waits$/m);
    await sleep(11_000);
    assert.equal(waiter.stdout(), "ready\nwaits\n", "after 33 s");
    holder.child.kill("SIGKILL");
    await waiter.shows(/^got /m);
    await waiter.ended;
    assert.deepEqual(
      readdirSync(there).filter((name) => name === "lock"),
      [],
    );
  });
}

test("NFR-017 over sshfs the lock of a killed process of the same machine is free within a second", {
  skip,
}, async (t) => {
  const at = await sharedScene(t);
  at.saas.faults.next("/oauth/token", { hang: true });
  const holder = at.start("here", "auth token");
  await at.saas.until(() => at.saas.count("/oauth/token") === 1);
  holder.child.kill("SIGKILL");
  await holder.ended;
  // Five times slower: a message after one second comes after five.
  const { code, stderr } = await at.start("here", "auth token", accelerated(0.2)).ended;
  assert.deepEqual([code, stderr], [0, ""]);
});

test("a directory whose server is gone is an error that says so, and nothing is sent", { skip }, async (t) => {
  const at = await sharedScene(t);
  if (mount === undefined) return assert.fail();
  const ended = once(mount, "exit");
  mount.kill("SIGKILL");
  await ended;
  const { code, stderr } = await at.start("here", "auth token").ended;
  assert.deepEqual([code, /ENOTCONN|not connected/.test(stderr)], [1, true], stderr);
  assert.equal(at.saas.requests.length, 0);
});
