import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import fs, {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { basename, join } from "node:path";
import { test, type TestContext } from "node:test";
import { AuthError } from "../../src/base/errors.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { queueEntry, queueEntryName } from "../../src/sync/queue-file.ts";
import { QueueFolder } from "../../src/sync/queue-folder.ts";
import { SyncQueue, type Origin } from "../../src/sync/queue.ts";
import { typescript } from "../helpers/command.ts";
import { fileHandles, replaced } from "../helpers/replaced.ts";
import { alice, bob, filesIn, temporaryFolder } from "./support.ts";

const service = "https://service.example";
const item = (order: number, id = `E${order}`): { order: number; id: string; text: string } => ({
  order,
  id,
  text: `{"event_id":"${id}","lamport_clock":${order}}`,
});
const nobody: Origin = { profile: "default", service, account: undefined };

test("items that are added together are one file, in the order of the queue, which only its owner can read", async (t) => {
  const folder = temporaryFolder(t);
  const queue = new QueueFolder(folder, "events");
  await queue.add([item(3)]);
  await queue.add([item(1), item(2)]);
  assert.deepEqual(
    queue.names().flatMap((name) => queue.read(name)),
    [1, 2, 3].map((n) => item(n).text),
  );
  assert.equal(queue.names().length, 2);
  assert.equal(queue.count(), 3);
  assert.equal(statSync(join(folder, "events", queue.names()[0] ?? "")).mode & 0o777, 0o600);
  assert.equal(statSync(join(folder, "events")).mode & 0o777, 0o700);
});

test("a queue longer than one portion of names is listed once, in order, up to its end, and without files that were removed", async (t) => {
  const folder = temporaryFolder(t);
  const queue = new QueueFolder(folder, "events");
  await queue.add([item(7)]);
  const names = Array.from({ length: 12_000 }, (_, n) =>
    queueEntryName({ order: 10 + n, id: `E${n}`, count: 1, retries: 0 }),
  );
  const [first = ""] = readdirSync(join(folder, "events"), { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".jsonl"),
  );
  // Out of order, as in a directory. Only names are read, so all can be one file.
  for (const [n] of names.entries())
    linkSync(join(folder, "events", first), join(folder, "events", names[(n * 7919) % names.length] ?? ""));
  const end = queue.end();
  await queue.add([item(end - 1), item(end)]);
  await queue.add([item(end)]);
  const seen: string[] = [];
  for (const name of queue.namesBefore(end)) {
    if (seen.push(name) === 1) await queue.remove(names.slice(11_000));
    if (seen.length === 2) await queue.add([item(8)]);
  }
  assert.deepEqual(
    seen.map((name) => queueEntry(name)?.order),
    [7, ...names.slice(0, 11_000).map((_, n) => 10 + n), end - 1],
  );
});

test("a failure to write leaves nothing partly added", async (t) => {
  const folder = temporaryFolder(t);
  const queue = new QueueFolder(folder, "events");
  mkdirSync(join(folder, "events"), { recursive: true, mode: 0o700 });
  mkdirSync(join(folder, "events", "0000000000000002-E2-1-0.jsonl"));
  const large = "x".repeat(60_000);
  await assert.rejects(
    queue.add([
      { ...item(1), text: large },
      { ...item(2), text: large },
    ]),
    (error) => error instanceof AuthError && error.code === "storage_unwritable",
  );
  assert.deepEqual(filesIn(folder, "events"), [join("events", "0000000000000002-E2-1-0.jsonl")]);
});

test("NFR-010 what leftovers of a killed process: of a file does not keep the next one from adding the same", async (t) => {
  const folder = temporaryFolder(t);
  const queue = new QueueFolder(folder, "events");
  // Killed halfway: one file in place, another unfinished.
  const program = `
    import fs from "node:fs";
    import { syncBuiltinESMExports } from "node:module";
    const rename = fs.renameSync;
    let left = 1;
    fs.renameSync = (...paths) => left-- === 0 ? process.kill(process.pid, "SIGKILL") : rename(...paths);
    syncBuiltinESMExports();
    const { QueueFolder } = await import(${JSON.stringify(new URL("../../src/sync/queue-folder.ts", import.meta.url).href)});
    const { systemClock } = await import(${JSON.stringify(new URL("../../src/platform/clock.ts", import.meta.url).href)});
    await new QueueFolder(process.argv[1], "events").add(JSON.parse(process.argv[2]));`;
  const items = [1, 2].map((order) => ({ ...item(order), text: JSON.stringify("x".repeat(60_000)) }));
  const { signal } = spawnSync(process.execPath, [
    ...typescript,
    "--input-type=module",
    "-e",
    program,
    folder,
    JSON.stringify(items),
  ]);
  assert.equal(signal, "SIGKILL");
  assert.deepEqual([filesIn(folder, "events/").length, filesIn(folder, "unfinished").length], [1, 1]);
  assert.equal((await queue.add(items)).length, 2);
  assert.deepEqual(
    queue.names().flatMap((name) => queue.read(name)),
    items.map(({ text }) => text),
  );
});

test("a refusal is counted in the name, and giving up keeps the content and states the reason", async (t) => {
  const folder = temporaryFolder(t);
  const queue = new QueueFolder(folder, "events");
  await queue.add([item(1)]);
  const entry = (): NonNullable<ReturnType<typeof queueEntry>> => queueEntry(queue.names()[0] ?? "") ?? assert.fail();
  queue.retry(entry());
  queue.retry(entry());
  assert.equal(entry().retries, 2);
  const { name } = entry();
  queue.giveUp(entry(), "no such project");
  assert.deepEqual([queue.count(), queue.countDead()], [0, 1]);
  assert.equal(readFileSync(join(folder, "events-dead-letter", name), "utf8"), `${item(1).text}\n`);
  assert.equal(readFileSync(join(folder, "events-dead-letter", `${name}.reason.txt`), "utf8"), "no such project\n");
});

test("a file that another process has removed is not an error", async (t) => {
  const queue = new QueueFolder(temporaryFolder(t), "events");
  const gone = { ...item(1), name: "0000000000000001-E1-1-0.jsonl", count: 1, retries: 0 };
  assert.deepEqual([queue.names(), queue.count(), queue.read(gone.name)], [[], 0, []]);
  await queue.add([item(2)]);
  await queue.remove([gone.name]);
  queue.retry(gone);
  assert.equal(queue.count(), 1);
});

test("unfinished files that a dead process left an hour ago are removed, and a file that is being written is not", async (t) => {
  const folder = temporaryFolder(t);
  const queue = new QueueFolder(folder, "events");
  await queue.add([item(1)]);
  for (const name of ["old", "new"]) writeFileSync(join(folder, "events-unfinished", `${name}.json`), "{");
  const longAgo = Date.now() / 1000 - 3700;
  utimesSync(join(folder, "events-unfinished", "old.json"), longAgo, longAgo);
  queue.removeAbandoned(systemClock.now());
  assert.deepEqual(
    filesIn(folder, "unfinished").map((path) => path.split("/").at(-1)),
    ["new.json"],
  );
  assert.equal(queue.count(), 1);
});

test("each account and team has a scope of its own", (t) => {
  const queue = new SyncQueue(temporaryFolder(t), systemClock);
  const accounts = [
    alice(service),
    alice(service, "tm_other"),
    alice(service, null),
    alice("https://other.example"),
    { ...alice(service), user: "u_carol" },
    bob(service),
  ];
  const locks = accounts.map((account) => queue.scopeOf({ ...nobody, account }).lock);
  assert.equal(new Set(locks).size, accounts.length);
});

test("events from before the first login are adopted by the first account of that profile and service", async (t) => {
  const queue = new SyncQueue(temporaryFolder(t), systemClock);
  await queue.scopeOf(nobody).events.add([item(1), item(2)]);
  await queue.scopeOf({ ...nobody, service: null }).events.add([item(3)]);
  await queue.scopeOf({ ...nobody, profile: "work" }).events.add([item(4)]);
  await queue.scopeOf({ ...nobody, service: "https://other.example" }).events.add([item(5)]);
  await queue.bind("default", alice(service));
  assert.equal(queue.scopeOf({ ...nobody, account: alice(service) }).events.count(), 3);
  await queue.bind("default", alice(service));
  assert.deepEqual(
    queue
      .scopes()
      .map((scope) => scope.account?.user ?? null)
      .sort(),
    [null, null, "u_alice"],
  );
});

test("events that are emitted after a logout wait for the account that logged out, even if another logs in next", async (t) => {
  const queue = new SyncQueue(temporaryFolder(t), systemClock);
  queue.scopeOf({ ...nobody, account: alice(service) });
  await queue.scopeOf(nobody).events.add([item(1), item(2)]);
  await queue.bind("default", bob(service));
  assert.equal(queue.scopeOf({ ...nobody, account: bob(service) }).events.count(), 0);
  assert.equal(queue.scopeOf({ ...nobody, account: alice(service) }).events.count(), 2);
  assert.deepEqual(queue.scopesOf(bob(service)), []);
  await queue.bind("default", bob(service));
  assert.equal(queue.scopeOf(nobody).account?.user, "u_bob");
});

test("an event that was being written while its profile got an account belongs to that account, not to the next one", async (t) => {
  const queue = new SyncQueue(temporaryFolder(t), systemClock);
  const late = queue.scopeOf(nobody).events;
  await late.add([item(1)]);
  await queue.bind("default", alice(service));
  await late.add([item(2)]);
  await queue.bind("default", bob(service));
  assert.equal(queue.scopeOf({ ...nobody, account: alice(service) }).events.count(), 2);
  assert.deepEqual(queue.scopesOf(bob(service)), []);
});

test("an account may drain what waits for its other teams, and nothing of another user or service", async (t) => {
  const queue = new SyncQueue(temporaryFolder(t), systemClock);
  for (const account of [alice(service), alice(service, "tm_other"), alice("https://other.example"), bob(service)]) {
    await queue.scopeOf({ ...nobody, account }).events.add([item(1)]);
  }
  assert.deepEqual(
    queue
      .scopesOf(alice(service))
      .map((scope) => scope.account?.team)
      .sort(),
    ["tm_acme", "tm_other"],
  );
});

test("four processes that add at once lose nothing, even when they are killed", async (t) => {
  const folder = temporaryFolder(t);
  const script = `
    import { QueueFolder } from ${JSON.stringify(import.meta.resolve("../../src/sync/queue-folder.ts"))};
    import { systemClock } from ${JSON.stringify(import.meta.resolve("../../src/platform/clock.ts"))};
    const queue = new QueueFolder(${JSON.stringify(folder)}, "events");
    for (let n = 1; n <= 40; n++) {
      await queue.add([{ order: n, id: "P" + process.pid + "N" + n, text: JSON.stringify({ n, pad: "x".repeat(3000) }) }]);
      process.stdout.write(n + "\\n");
    }`;
  const reported = await Promise.all(
    Array.from({ length: 4 }, async (_, index) => {
      const child = spawn(process.execPath, [...typescript, "--input-type=module", "-e", script], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      let lines = "";
      child.stdout.on("data", (chunk) => {
        lines += String(chunk);
        if (index % 2 === 0 && lines.split("\n").length > 10 * (index + 1)) child.kill("SIGKILL");
      });
      await once(child, "close");
      return { pid: child.pid, count: lines.split("\n").length - 1 };
    }),
  );
  const queue = new QueueFolder(folder, "events");
  const names = queue.names();
  for (const { pid, count } of reported) {
    const there = names.filter((name) => name.includes(`-P${pid}N`)).length;
    // The process may have died before its report of an event; no reported one is missing.
    assert.ok(there >= count && there <= count + 1, `${count} reported, ${there} there`);
  }
  for (const name of names) assert.equal(JSON.parse(queue.read(name)[0] ?? "").pad.length, 3000);
});

test("items that are appended one by one share files of 128 positions, until closing makes them files like the others", async (t) => {
  const folder = temporaryFolder(t);
  const queue = new QueueFolder(folder, "events");
  const orders = [1, 127, 128, 300];
  for (const order of orders) assert.deepEqual(await queue.append(item(order)), []);
  assert.deepEqual([queue.count(), queue.isEmpty(), queue.names()], [4, false, []]);
  queue.closeOpenFiles();
  assert.deepEqual(
    queue.names().map((name) => [queueEntry(name)?.order, queueEntry(name)?.count]),
    [
      [0, 2],
      [128, 1],
      [256, 1],
    ],
  );
  assert.deepEqual(
    queue.names().flatMap((name) => queue.read(name)),
    orders.map((order) => item(order).text),
  );
  // The same position again: the closed file keeps its name.
  await queue.append(item(2));
  queue.closeOpenFiles();
  assert.equal(queue.names().length, 4);
  assert.equal(queue.count(), 5);
});

/** Contents of files and names of directories that reach the disk. */
async function flushed(t: TestContext): Promise<string[]> {
  const done: string[] = [];
  replaced(
    t,
    await fileHandles(),
    "sync",
    (sync) =>
      async function (this: FileHandle) {
        done.push("content");
        await sync.call(this);
      },
  );
  const names = new Map<number, string>();
  replaced(t, fs, "openSync", (open) => (...args: Parameters<typeof open>) => {
    const fd = open(...args);
    names.set(fd, basename(String(args[0])));
    return fd;
  });
  replaced(t, fs, "fsyncSync", (flush) => (fd: number) => {
    done.push(`name in ${names.get(fd)}`);
    flush(fd);
  });
  return done;
}

test("NFR-010 an event is on disk when its promise resolves, with the name of its file", async (t) => {
  const folder = temporaryFolder(t);
  const queue = new QueueFolder(folder, "events");
  const done = await flushed(t);
  await queue.append(item(1));
  assert.deepEqual(done.splice(0), ["content", "name in events"]);
  await queue.append(item(2));
  assert.deepEqual(done.splice(0), ["content"], "the file has had its name since the first");
  await queue.add([item(3)]);
  assert.deepEqual(done, ["content", "name in events"]);
});

test("NFR-010 an event of which a full disk took only a part is an error, and not stored", async (t) => {
  const folder = temporaryFolder(t);
  const queue = new QueueFolder(folder, "events");
  await queue.append(item(1));
  let isFull = true;
  replaced(
    t,
    await fileHandles(),
    "write",
    (write) =>
      function (this: FileHandle, bytes: Buffer) {
        return (write as (bytes: Buffer) => Promise<object>).call(this, isFull ? bytes.subarray(0, 5) : bytes);
      },
  );
  const full = { code: "storage_unwritable", message: /ENOSPC/ };
  await assert.rejects(queue.append(item(2)), full);
  isFull = false;
  await queue.append(item(3));
  queue.closeOpenFiles();
  const lines = queue.names().flatMap((name) => queue.read(name));
  assert.deepEqual([lines[0], lines[2]], [item(1).text, item(3).text]);
  assert.notEqual(lines[1], item(2).text);
});

test("S-016 an event goes into no file that others can read, and through no link", {
  skip: process.platform === "win32" && "there are neither modes nor links there",
}, async (t) => {
  const folder = temporaryFolder(t);
  const queue = new QueueFolder(folder, "events");
  await queue.append(item(1));
  const [name = ""] = readdirSync(join(folder, "events"));
  const path = join(folder, "events", name);
  chmodSync(path, 0o644);
  await assert.rejects(queue.append(item(2)), { code: "storage_unsafe" });
  const elsewhere = join(folder, "elsewhere");
  fs.renameSync(path, elsewhere);
  chmodSync(elsewhere, 0o600);
  symlinkSync(elsewhere, path);
  await assert.rejects(queue.append(item(2)), { code: /^storage_un/ });
  assert.equal(readFileSync(elsewhere, "utf8"), `\n${item(1).text}`);
});

test("NFR-013 a queue in a directory that others can change is not used", {
  skip: process.platform === "win32" && "there are no modes there",
}, (t) => {
  const folder = temporaryFolder(t);
  chmodSync(folder, 0o777);
  assert.throws(() => new SyncQueue(folder, systemClock).scopeOf(nobody), { code: "storage_unsafe" });
});

test("a torn line damages no line after it", async (t) => {
  const folder = temporaryFolder(t);
  const queue = new QueueFolder(folder, "events");
  await queue.append(item(1));
  const [open = ""] = readdirSync(join(folder, "events"));
  appendFileSync(join(folder, "events", open), '\n{"event_id":"02","lam');
  await queue.append(item(3));
  queue.closeOpenFiles();
  const lines = queue.names().flatMap((name) => queue.read(name));
  assert.deepEqual([lines[0], lines[2]], [item(1).text, item(3).text]);
});

test("four processes that append while another drains lose nothing and duplicate nothing", async (t) => {
  const folder = temporaryFolder(t);
  const script = `
    import { QueueFolder } from ${JSON.stringify(import.meta.resolve("../../src/sync/queue-folder.ts"))};
    import { systemClock } from ${JSON.stringify(import.meta.resolve("../../src/platform/clock.ts"))};
    const queue = new QueueFolder(process.argv[1], "events");
    for (let n = 0; n < 100; n++) {
      const id = process.argv[2] + "x" + n;
      await queue.append({ order: n, id, text: JSON.stringify({ event_id: id, lamport_clock: n }) });
    }`;
  const writers = Array.from({ length: 4 }, (_, n) =>
    spawn(process.execPath, [...typescript, "--input-type=module", "-e", script, folder, String(n)], {
      stdio: "inherit",
    }),
  );
  const queue = new QueueFolder(folder, "events");
  const seen: string[] = [];
  const drain = async (): Promise<void> => {
    queue.closeOpenFiles();
    const names = queue.names();
    for (const text of names.flatMap((name) => queue.read(name)))
      seen.push((JSON.parse(text) as { event_id: string }).event_id);
    await queue.remove(names);
  };
  let left = writers.length;
  const ended = writers.map(async (writer) => {
    const [code] = (await once(writer, "exit")) as [number];
    left -= 1;
    assert.equal(code, 0);
  });
  while (left > 0) {
    await drain();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(ended);
  await drain();
  assert.deepEqual([seen.length, new Set(seen).size], [400, 400]);
});
