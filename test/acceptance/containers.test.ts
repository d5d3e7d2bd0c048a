// Containers and machines that share a directory, played by Linux namespaces. The kernel makes them one machine;
// without a common file system for sockets, two namespaces are like two machines, with the same machine id, host name
// and boot id as clones have.
import assert from "node:assert/strict";
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";

import { systemClock, type Clock } from "../../src/platform/clock.ts";
import { acquireProcessLock, inspectProcessLock } from "../../src/platform/process-lock/process-lock.ts";
import {
  startCommand,
  typescript,
  withoutWaits,
  type CommandEnvironment,
  type CommandResult,
  type RunningCommand,
} from "../helpers/command.ts";
import { accelerated, beforeItsWrite, fastClock, scene, type Scene } from "../helpers/scene.ts";
import { sessionOf, signIn, storeSession } from "../helpers/stored-session.ts";
import { until } from "../helpers/until.ts";

const helperFile = fileURLToPath(new URL("process-lock-helper.ts", import.meta.url));
const running = new Set<ChildProcess>();
after(() => {
  for (const child of running) child.kill("SIGKILL");
});

/** Prints the pid outside of the namespace. */
const sayPid = "read pid rest < /proc/self/stat; echo $pid";
const container: readonly [string, ...string[]] = [
  "unshare",
  "--user",
  "--map-root-user",
  "--mount",
  "--pid",
  "--fork",
  "--kill-child",
];
// Its machines have a /dev/shm of their own, which would hide what the runner has put there.
if (tmpdir().startsWith("/dev/shm/")) process.env["TMPDIR"] = "/tmp";

/** Whether this user may make namespaces, and mount in them. */
const mayUnshare =
  spawnSync(container[0], [...container.slice(1), "mount", "-t", "proc", "proc", "/proc"]).status === 0;
const namespaces: { skip?: string } = mayUnshare
  ? {}
  : { skip: "needs unshare(1), and the right to make user namespaces" };

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "lock-namespaces-"));
  after(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

interface Helper {
  /** Outside of the namespace. */
  pid: number;
  child: ChildProcess;
  line(): Promise<string>;
  tell(): void;
  ended: Promise<unknown>;
}

/** Starts process-lock-helper.ts through another program, after a shell script. */
async function helper(
  by: readonly string[],
  script: string,
  args: readonly string[],
  nodeArgs: readonly string[] = [],
): Promise<Helper> {
  const node = [process.execPath, ...nodeArgs, ...typescript, helperFile, ...args];
  const [program = "", ...rest] = [...by, "sh", "-c", `${sayPid}; ${script}; exec "$@"`, "sh", ...node];
  const child = spawn(program, rest, { stdio: ["pipe", "pipe", "inherit"] });
  running.add(child);
  const ended = once(child, "exit").finally(() => running.delete(child));
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const line = async (): Promise<string> => String((await lines.next()).value);
  return { child, ended, line, pid: Number(await line()), tell: () => child.stdin.write("\n") };
}

/** Adds up requested waits, the same under any load. */
function addingClock(): Clock & { waited: number } {
  const clock = {
    ...systemClock,
    waited: 0,
    sleep(ms: number, options?: Parameters<Clock["sleep"]>[1]): Promise<void> {
      clock.waited += ms;
      return systemClock.sleep(ms, options);
    },
  };
  return clock;
}

for (const [where, by, script] of [
  ["another pid and mount namespace", container, "mount -t proc proc /proc"],
  [
    "another pid, host, network, IPC and mount namespace",
    [...container, "--uts", "--net", "--ipc"],
    "mount -t proc proc /proc && hostname elsewhere",
  ],
  ["a container without /proc", container, "mount -t tmpfs none /proc"],
] as const) {
  test(
    `NFR-017 a holder in ${where} keeps the lock while it is stopped, and killed with -9 it is free within a second`,
    namespaces,
    async () => {
      const path = join(folder(), "lock");
      const holder = await helper(by, script, ["hold", path]);
      assert.match(await holder.line(), /^held \d+$/);
      process.kill(holder.pid, "SIGSTOP");
      // Its minute takes half a second.
      const impatient = acquireProcessLock(path, { clock: fastClock(120), timeoutMs: 60_000 });
      await assert.rejects(impatient, { code: "lock_unavailable" });
      assert.equal((await inspectProcessLock(path))?.state, "running");
      process.kill(holder.pid, "SIGCONT");
      const clock = addingClock();
      const next = acquireProcessLock(path, { clock, timeoutMs: 30_000 });
      process.kill(holder.pid, "SIGKILL");
      await holder.ended;
      const before = clock.waited;
      (await next).release();
      assert.ok(clock.waited - before < 1_000, `waited ${clock.waited - before} ms`);
    },
  );
}

test(
  "NFR-017 processes in four pid and host namespaces and outside that add under the lock lose no addition",
  namespaces,
  async () => {
    const at = folder();
    const number = join(at, "number");
    writeFileSync(number, "0");
    const all = await Promise.all(
      Array.from({ length: 4 }, (_, n) =>
        helper([...container, "--uts"], `mount -t proc proc /proc && hostname host-${n}`, [
          "count",
          join(at, "lock"),
          number,
          "10",
        ]),
      ),
    );
    for (const { ended } of all) assert.deepEqual(await ended, [0, null]);
    assert.equal(readFileSync(number, "utf8"), "40");
    assert.deepEqual(readdirSync(at), ["number"]);
  },
);

/** Through another program, after a shell script. */
function commandBy(
  t: TestContext,
  args: string,
  env: CommandEnvironment,
  [program, ...more]: readonly [string, ...string[]],
  script: string,
  nodeArgs: readonly string[] = [],
): RunningCommand {
  const node = [process.execPath];
  const runtime = [program, ...more, "sh", "-c", `${script} && exec "$@"`, "sh", ...node] as const;
  return startCommand(t, args.split(" "), env, { runtime: [...runtime], nodeArgs });
}

/** In a container with its own host name. */
function commandIn(
  t: TestContext,
  { env }: Scene,
  host: string,
  args: string,
  nodeArgs: readonly string[] = [],
): RunningCommand {
  const by = [...container, "--uts"] as const;
  return commandBy(t, args, env, by, `mount -t proc proc /proc && hostname ${host}`, nodeArgs);
}

test(
  "FR-010 NFR-009 commands in four pid and host namespaces with the same expired session refresh once, and all get the same token",
  namespaces,
  async (t) => {
    const stage = await scene(t);
    await storeSession(stage.saas, stage.env, sessionOf(stage.saas));
    const hosts = ["one", "two", "three", "four"];
    const results = await Promise.all(
      [...hosts, ...hosts, ...hosts].map((host) => commandIn(t, stage, host, "auth token").ended),
    );
    assert.deepEqual([...new Set(results.map(({ code }) => code))], [0], results.map(({ stderr }) => stderr).join(""));
    assert.equal(new Set(results.map(({ stdout }) => stdout)).size, 1);
    const { refreshes, reuses } = stage.saas.counters;
    assert.deepEqual([refreshes, reuses, stage.saas.count("/oauth/token")], [1, 0, 1]);
  },
);

test(
  "NFR-017 a command that is killed in another container in the middle of its refresh does not block the next one",
  namespaces,
  async (t) => {
    const stage = await scene(t);
    await storeSession(stage.saas, stage.env, sessionOf(stage.saas));
    stage.saas.faults.next("/oauth/token", { hang: true });
    const killed = commandIn(t, stage, "elsewhere", "auth token");
    await stage.saas.until(() => stage.saas.count("/oauth/token") === 1);
    killed.child.kill("SIGKILL");
    await killed.ended;
    const { code, stderr } = await stage.here("auth token", {}, { clock: fastClock(0.2) });
    assert.deepEqual([code, stderr], [0, ""], "it waited for less than the second after which it says so");
    assert.equal(stage.saas.counters.refreshes, 1);
  },
);

test(
  "NFR-016 NFR-017 an account switch that is killed in another container in the middle of its write costs a refresh nothing",
  namespaces,
  async (t) => {
    const stage = await scene(t);
    const { saas, env, run } = stage;
    await storeSession(saas, env, sessionOf(saas));
    await storeSession(saas, env, sessionOf(saas, { user: "bob" }), { profile: "work" });
    const killed = commandIn(t, stage, "elsewhere", "auth switch work", beforeItsWrite());
    await killed.shows(/^writes$/m);
    // With its namespace: from inside, nothing kills the first process of one.
    killed.child.kill("SIGKILL");
    await killed.ended;
    const { code, stdout, stderr } = await run("auth token");
    assert.deepEqual([code, withoutWaits(stderr)], [0, ""]);
    assert.equal((await run("auth token")).stdout, stdout);
    assert.equal((await run("auth switch work")).code, 0);
    assert.deepEqual([saas.counters.refreshes, saas.counters.reuses], [1, 0]);
  },
);

/** For processes started through the result. */
async function mounted(script: string, at: string): Promise<[string, ...string[]]> {
  const keeper = spawn(
    "unshare",
    ["--user", "--map-root-user", "--mount", "sh", "-c", `cd "$0" && ${script} && echo mounted && read line`, at],
    { stdio: ["pipe", "pipe", "inherit"] },
  );
  running.add(keeper);
  keeper.once("exit", () => running.delete(keeper));
  assert.match(String(await Promise.race([once(keeper.stdout, "data"), once(keeper, "exit")])), /^mounted/);
  return ["nsenter", "--preserve-credentials", "--user", "--mount", `--target=${keeper.pid}`];
}

/** A directory without proof of life, and a way to start processes on "another machine" that sees it. */
async function sharedFolder(): Promise<{ path: string; machine: (own: boolean) => { by: string[]; script: string } }> {
  const at = folder();
  const enter = await mounted("mount -t ramfs none .", at);
  return {
    path: join(at, "lock"),
    machine: (own) => ({
      by: own ? [...enter, "unshare", "--mount"] : enter,
      script: own ? "mount -t tmpfs none /dev/shm" : ":",
    }),
  };
}

test(
  "NFR-017 in a directory without sockets the lock of a killed holder of this machine is free within a second too",
  namespaces,
  async () => {
    const { path, machine } = await sharedFolder();
    const here = machine(false);
    const holder = await helper(here.by, here.script, ["hold", path]);
    await holder.line();
    // Five times slower, so that a busy machine has five seconds.
    const waiter = await helper(here.by, here.script, ["wait", path], accelerated(0.2));
    assert.equal(await waiter.line(), "ready");
    waiter.tell();
    assert.equal(await waiter.line(), "waits");
    process.kill(holder.pid, "SIGKILL");
    assert.match(await waiter.line(), /^got \d+ after [1-9]?\d?\d ms$/);
  },
);

test(
  "in a directory without sockets, a lock removes those that holders of other locks left in memory an hour ago",
  namespaces,
  async () => {
    const at = folder();
    const enter = await mounted("mount -t ramfs none . && mount -t tmpfs none /dev/shm", at);
    const [program, ...rest] = [...enter, "ls", "/dev/shm"];
    const sockets = (): string[] => spawnSync(program, rest, { encoding: "utf8" }).stdout.trim().split("\n");
    const killed = await helper(enter, ":", ["hold", join(at, "one")]);
    await killed.line();
    process.kill(killed.pid, "SIGKILL");
    await killed.ended;
    const left = sockets();
    assert.equal(left.length, 1);
    const holder = await helper(enter, "touch -h -t 200001010000 /dev/shm/*", ["hold", join(at, "two")]);
    await holder.line();
    await until("the holder's own is the only one", () => sockets().length === 1 && sockets()[0] !== left[0]);
    holder.tell();
    await holder.ended;
  },
);

test(
  "NFR-017 an overlay is a local file system, and its upper directory is not the same one: there a living holder cannot be judged",
  namespaces,
  async () => {
    const at = folder();
    // The kernel closes a directory in `work` to all, and removing it from outside needs to look into it.
    const overlay =
      "mkdir lower upper work merged && mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work,userxattr none merged && chmod 700 work/work";
    const enter = await mounted(overlay, at);
    const path = join(at, "merged", "lock");
    const holder = await helper(enter, ":", ["hold", path]);
    assert.match(await holder.line(), /^held /);
    assert.equal((await inspectProcessLock(join(at, "upper", "lock")))?.state, "unknown");
    const waiter = await helper(enter, ":", ["wait", path], accelerated(0.2));
    assert.equal(await waiter.line(), "ready");
    waiter.tell();
    assert.equal(await waiter.line(), "waits");
    process.kill(holder.pid, "SIGKILL");
    assert.match(await waiter.line(), /^got \d+ after [1-9]?\d?\d ms$/);
  },
);

test(
  "NFR-017 of two machines that have id, name and boot in common neither takes the lock of the other while it lives, and each does after 30 s",
  namespaces,
  async () => {
    const { path, machine } = await sharedFolder();
    const [one, two] = [machine(true), machine(true)];
    const holder = await helper(one.by, one.script, ["hold", path]);
    await holder.line();
    // Three times faster: the holder shows life every nine seconds.
    const waiter = await helper(two.by, two.script, ["wait", path], accelerated(3));
    assert.equal(await waiter.line(), "ready");
    waiter.tell();
    assert.equal(await waiter.line(), "waits");
    const got = waiter.line();
    const early = await Promise.race([got, systemClock.sleep(11_000)]);
    assert.equal(early, undefined, "33 s passed there");
    process.kill(holder.pid, "SIGKILL");
    const [, waited] = /^got \d+ after (\d+) ms$/.exec(await got) ?? [];
    assert.ok(Number(waited) > 33_000, `taken after ${waited} ms`);
  },
);

test(
  "FR-010 NFR-017 of two cloned machines that boot on their own, one waits for the other's refresh, and both get the same token",
  namespaces,
  async (t) => {
    const { saas, env, config } = await scene(t);
    await storeSession(saas, env, sessionOf(saas));
    const at = folder();
    const bootId = join(at, "boot_id");
    writeFileSync(bootId, "01234567-89ab-cdef-0123-456789abcdef\n");
    const enter = await mounted(`mkdir shared && mount -t ramfs none shared && cp -a '${config}' shared/config`, at);
    const token = (boots: string): RunningCommand =>
      commandBy(
        t,
        "auth token",
        { ...env, SPEC_KITTY_CONFIG_DIR: join(at, "shared", "config") },
        [...enter, "unshare", "--mount"],
        `mount -t tmpfs none /dev/shm && ${boots}`,
      );
    let answer = (): void => undefined;
    saas.faults.next("/oauth/token", { gateAnswer: new Promise<void>((resolve) => (answer = resolve)) });
    const one = token(`mount --bind '${bootId}' /proc/sys/kernel/random/boot_id`);
    await saas.until(() => saas.counters.refreshes === 1);
    const two = token("true");
    await two.shows(/^Waiting for another process to refresh the session …$/m);
    answer();
    const results = await Promise.all([one.ended, two.ended]);
    for (const { code, stderr } of results) assert.deepEqual([code, withoutWaits(stderr)], [0, ""]);
    assert.equal(new Set(results.map(({ stdout }) => stdout)).size, 1);
    const { refreshes, reuses } = saas.counters;
    assert.deepEqual([refreshes, reuses, saas.count("/oauth/token")], [1, 0, 1]);
  },
);

test("S-018 with one home on two machines, what is said on the second ends no login of the first, and each keeps its own", {
  skip: namespaces.skip ?? (!existsSync("/etc/machine-id") && "needs a machine with an id"),
}, async (t) => {
  const { saas, env, folder, run } = await scene(t);
  await signIn(saas, env);
  const first = await run("auth token");
  const id = join(folder, "machine-id");
  writeFileSync(id, `${"0123456789abcdef".repeat(2)}\n`);
  const there = (args: string): Promise<CommandResult> =>
    commandBy(t, args, { ...env, FAKE_SAAS_USER: "bob" }, container, `mount --bind '${id}' /etc/machine-id`).ended;
  const refused = await there("auth token");
  assert.equal(refused.code, 1);
  assert.match(
    refused.stderr,
    /^error: the stored logins belong to another machine or container .* the machine has a different ID\nhint: .* auth login --force\n$/,
  );
  const login = await there("auth login --force");
  assert.equal(login.code, 0, login.stderr);
  assert.equal((await run("auth token")).stdout, first.stdout);
  for (const refresh of [run, there]) assert.equal((await refresh("auth refresh")).code, 0);
  assert.equal((await run("auth whoami")).stdout, "alice@example.com\n");
  assert.equal((await there("auth whoami")).stdout, "bob@example.com\n");
  assert.deepEqual(
    [...saas.sessions.values()].map(({ user, ended }) => [user, ended]),
    [
      ["alice", undefined],
      ["bob", undefined],
    ],
  );
  assert.equal((await there("auth logout --all")).code, 0);
  assert.equal((await run("auth refresh")).code, 0);
  assert.equal(saas.counters.reuses, 0);
});

test(
  "NFR-017 a holder that was stopped until another machine took the lock finds that out before it acts",
  namespaces,
  async () => {
    const { path, machine } = await sharedFolder();
    const [one, two] = [machine(true), machine(true)];
    const holder = await helper(one.by, one.script, ["hold", path]);
    await holder.line();
    process.kill(holder.pid, "SIGSTOP");
    const next = await helper(two.by, two.script, ["hold", path], accelerated(10));
    assert.match(await next.line(), /^held /);
    process.kill(holder.pid, "SIGCONT");
    holder.tell();
    assert.equal(await holder.line(), "still false");
    await holder.ended;
    next.tell();
    assert.equal(await next.line(), "still true");
  },
);

for (const [what, mount, says] of [
  ["a disk that is full", "mount -t tmpfs -o size=4k,nr_inodes=2 none", /the disk is full/],
  ["a file system that is read-only", "mount -t tmpfs -o ro none", /the file system is read-only/],
] as const) {
  test(`${what} is an error that says so, and no lock`, namespaces, async () => {
    const at = folder();
    const script = `${mount} '${at}' && "$@"; ls -A '${at}'; true`;
    const { status, stdout, stderr } = spawnSync(
      "unshare",
      [
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        script,
        "sh",
        process.execPath,
        ...typescript,
        helperFile,
        "exit",
        join(at, "lock"),
      ],
      { encoding: "utf8" },
    );
    assert.deepEqual([status, stdout], [0, ""]);
    assert.match(stderr, says);
  });
}
