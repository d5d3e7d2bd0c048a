import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../src/platform/clock.ts";
import { acquireProcessLock, inspectProcessLock } from "../../src/platform/process-lock/process-lock.ts";
import { typescript } from "../helpers/command.ts";
import { clockThatTells } from "../helpers/first-sleep.ts";
import type { AuthError } from "../../src/base/errors.ts";
import { hintOf } from "../helpers/hint.ts";
import { until } from "../helpers/until.ts";

const HELPER = fileURLToPath(new URL("process-lock-helper.ts", import.meta.url));
const COMMAND = [...typescript, HELPER];
const linux = process.platform === "linux" ? {} : { skip: "about the lock of Linux" };
const unix = process.platform === "win32" ? { skip: "needs signals" } : {};
// A wait in vain ends by the test's own limit.
const options = { clock: systemClock, timeoutMs: 600_000 };
const running = new Set<ChildProcess>();
after(() => {
  for (const child of running) child.kill("SIGKILL");
});

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "process-lock-"));
  after(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

interface Helper {
  child: ChildProcess;
  line(): Promise<string>;
  tell(): void;
  ended: Promise<unknown>;
}

function helper(args: string[]): Helper {
  const child = spawn(process.execPath, [...COMMAND, ...args], { stdio: ["pipe", "pipe", "inherit"] });
  running.add(child);
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const ended = once(child, "exit").finally(() => running.delete(child));
  return {
    child,
    ended,
    line: async () => String((await until(`"${args.join(" ")}" says something`, lines.next(), 20_000)).value),
    tell: () => child.stdin.write("\n"),
  };
}

test("four processes that add 25 each under the lock lose no addition", async () => {
  const at = folder();
  writeFileSync(join(at, "number"), "0");
  const helpers = Array.from({ length: 4 }, () => helper(["count", join(at, "lock"), join(at, "number"), "25"]));
  for (const { ended } of helpers) assert.deepEqual(await ended, [0, null]);
  assert.equal(readFileSync(join(at, "number"), "utf8"), "100");
  assert.deepEqual(readdirSync(at), ["number"]);
});

test(
  "the lock of a holder killed with -9 goes to each of dozens of waiters in turn, and to none before",
  unix,
  async () => {
    const at = folder();
    const path = join(at, "lock");
    const holder = helper(["hold", path]);
    await holder.line();
    const others = Array.from({ length: 4 }, () => helper(["wait", path]));
    for (const other of others) await other.line();
    for (const other of others) other.tell();
    const waits: Promise<void>[] = [];
    const inside = Array.from({ length: 32 }, async () => {
      let clock = systemClock;
      waits.push(new Promise((resolve) => (clock = clockThatTells(resolve))));
      const lock = await acquireProcessLock(path, { ...options, clock });
      const got = Date.now();
      lock.release();
      return got;
    });
    for (const other of others) assert.equal(await other.line(), "waits");
    await Promise.all(waits);
    holder.child.kill("SIGKILL");
    const killed = Date.now();
    const outside = others.map(async (other) => Number((await other.line()).split(" ")[1]));
    const taken = await Promise.all([...inside, ...outside]);
    assert.ok(Math.min(...taken) >= killed);
    // They report before they release it.
    for (const { ended } of others) await ended;
    assert.equal(await inspectProcessLock(path), undefined);
  },
);

test(
  "a stopped holder keeps the lock for as long as it is stopped, and still has it when it goes on",
  unix,
  async () => {
    const path = join(folder(), "lock");
    const holder = helper(["hold", path]);
    await holder.line();
    holder.child.kill("SIGSTOP");
    await assert.rejects(acquireProcessLock(path, { ...options, timeoutMs: 2000 }), (error: AuthError) => {
      assert.equal(error.code, "lock_unavailable");
      assert.match(error.message, new RegExp(`process ${holder.child.pid} `));
      if (process.platform === "linux") {
        assert.match(error.message, /stopped/);
        assert.equal(hintOf(error), `Continue it: kill -CONT ${holder.child.pid}`);
      }
      return true;
    });
    holder.child.kill("SIGCONT");
    holder.tell();
    assert.equal(await holder.line(), "still true");
    (await acquireProcessLock(path, options)).release();
  },
);

test("a process that ends while it holds the lock leaves it to the next one", async () => {
  const at = folder();
  assert.deepEqual(await helper(["exit", join(at, "lock")]).ended, [0, null]);
  (await acquireProcessLock(join(at, "lock"), { ...options, timeoutMs: 0 })).release();
  if (process.platform === "linux") assert.deepEqual(readdirSync(at), []);
});

test("a killed holder that its parent does not wait for, a zombie, is dead", linux, async () => {
  const path = join(folder(), "lock");
  // The shell starts the holder and then becomes `sleep`, a parent that never waits.
  const script = `"$@" <&3 3<&- & exec sleep 600 3<&-`;
  const shell = spawn("sh", ["-c", script, "sh", process.execPath, ...COMMAND, "hold", path], {
    stdio: ["ignore", "pipe", "inherit", "pipe"],
  });
  running.add(shell);
  assert.ok(shell.stdout);
  const [line] = (await once(createInterface(shell.stdout), "line")) as [string];
  const pid = Number(line.split(" ")[1]);
  process.kill(pid, "SIGKILL");
  // Threads end one by one; before the last it is no zombie.
  (await acquireProcessLock(path, options)).release();
  assert.match(readFileSync(`/proc/${pid}/stat`, "latin1"), /\) Z /, "its pid is still taken");
});

test("many waiters at one dead holder's lock never become two holders", linux, async () => {
  const at = folder();
  const path = join(at, "lock");
  const dead = await deadEntry(path);
  const helpers = Array.from({ length: 4 }, () => helper(["die", path, join(at, "marker"), "60", dead]));
  for (const one of helpers) assert.match(await one.line(), /^taken \d+ overlaps 0 left (true|false)$/);
  for (const { ended } of helpers) assert.deepEqual(await ended, [0, null]);
  (await acquireProcessLock(path, options)).release();
  assert.deepEqual(readdirSync(at), ["locks"]);
});

test("a waiter leaves nothing next to the lock, so a killed one does neither", linux, async () => {
  const at = folder();
  const path = join(at, "lock");
  const lock = await acquireProcessLock(path, options);
  const waiter = helper(["wait", path]);
  await waiter.line();
  waiter.tell();
  assert.equal(await waiter.line(), "waits");
  waiter.child.kill("SIGKILL");
  await waiter.ended;
  assert.deepEqual(
    readdirSync(at).filter((name) => !/^lock\.[0-9a-f]{16}\.[0-9a-f]+$/.test(name)),
    ["lock"],
    "but for the holder's socket",
  );
  lock.release();
  assert.deepEqual(readdirSync(at), []);
});

test("every spelling of the directory leads to the same lock", async () => {
  const at = folder();
  mkdirSync(join(at, "real"));
  symlinkSync(join(at, "real"), join(at, "link"), "junction");
  const holder = helper(["hold", "lock", join(at, "real")]);
  await holder.line();
  await assert.rejects(acquireProcessLock(join(at, "link", "lock"), { ...options, timeoutMs: 0 }), {
    code: "lock_unavailable",
  });
  await assert.rejects(acquireProcessLock(join(at, "real", "..", "real", "lock"), { ...options, timeoutMs: 0 }), {
    code: "lock_unavailable",
  });
  holder.tell();
  await holder.ended;
  const lock = await acquireProcessLock(join(at, "link", "lock"), options);
  assert.ok(await inspectProcessLock(join(at, "real", "lock")));
  lock.release();
});

/** Entry and socket of a dead holder. */
async function deadEntry(path: string): Promise<string> {
  await helper(["exit", path]).ended;
  const [name = ""] = readdirSync(path);
  const kept = join(`${path}s`, name);
  renameSync(path, `${path}s`);
  const socket =
    readdirSync(dirname(path)).find((file) => file.startsWith("lock.")) ?? assert.fail("there is no socket");
  renameSync(join(dirname(path), socket), `${kept}.socket`);
  return kept;
}
