// One step of the synchronisation's bench, in a process of its own: `sync-process.js STEP EVENTS HOW`. Prints what it measured.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { getTokenManager } from "spec-kitty";
import { createSyncRuntime } from "spec-kitty/sync";

const [step, count, how] = [process.argv[2], Number(process.argv[3]), process.argv[4]];
// What is large has a file of its own in the queue.
const history = (n) => ({
  event_type: "HistoryAdded",
  aggregate_id: "WP01",
  payload: { wp_id: "WP01", entry_type: "note", entry_content: `line ${n}${how === "large" ? ".".repeat(2000) : ""}` },
});

const steps = {
  async emit() {
    const sync = createSyncRuntime();
    if ((await sync.emit(history(0))).outcome !== "queued") throw new Error("not queued");
    return timed(async () => {
      if (how === "together") {
        for (let n = 1; n < count; n += 1000)
          await Promise.all(Array.from({ length: Math.min(1000, count - n) }, (_, k) => sync.emit(history(n + k))));
      } else {
        for (let n = 1; n < count; n++) await sync.emit(history(n));
      }
    });
  },
  /** Bodies of what waits, as full as the service takes them. */
  async prepare() {
    rmSync(how, { recursive: true, force: true });
    mkdirSync(how, { recursive: true });
    const queue = join(process.env.SPEC_KITTY_CONFIG_DIR, "queue");
    const files = readdirSync(queue, { recursive: true }).filter((name) => /events\/.*\.(jsonl|open)$/.test(name));
    const events = files.flatMap((name) => readFileSync(join(queue, name), "utf8").split("\n").filter(Boolean));
    if (events.length !== count) throw new Error(`${events.length} events wait`);
    let [batch, bytes, batches] = [[], 13, 0];
    const flush = () => {
      writeFileSync(join(how, String(batches++)), gzipSync(`{"events":[${batch.join(",")}]}`));
      [batch, bytes] = [[], 13];
    };
    for (const event of events) {
      if (batch.length === 1000 || bytes + event.length + 1 > 262_144) flush();
      batch.push(event);
      bytes += event.length + 1;
    }
    flush();
    return {};
  },
  async bare() {
    const bodies = readdirSync(how).map((name) => readFileSync(join(how, name)));
    const headers = {
      authorization: `Bearer ${await getTokenManager().getAccessToken()}`,
      "content-type": "application/json",
      "content-encoding": "gzip",
      "x-team-slug": "tm_acme",
    };
    return timed(async () => {
      for (const body of bodies)
        await (
          await fetch(`${process.env.SPEC_KITTY_SAAS_URL}/api/v1/events/batch/`, { method: "POST", headers, body })
        ).json();
    });
  },
  async drain() {
    const sync = createSyncRuntime();
    await getTokenManager().getAccessToken();
    return timed(async () => {
      const { events, failure } = await sync.flush();
      if (events.delivered !== count) throw failure ?? new Error(`${events.delivered} events were sent`);
    });
  },
  /** The real command, and how much memory it had at most. */
  async now() {
    const meter = `data:text/javascript,${encodeURIComponent('import { writeSync } from "node:fs"; process.on("exit", () => writeSync(3, String(process.resourceUsage().maxRSS)));')}`;
    const bin = fileURLToPath(new URL("../../bin/spec-kitty.js", import.meta.url));
    const startedAt = performance.now();
    const child = spawn(process.execPath, ["--import", meter, bin, "sync", "now"], {
      stdio: ["ignore", "ignore", "inherit", "pipe"],
    });
    const [kilobytes] = await Promise.all([child.stdio[3].toArray(), once(child, "close")]);
    return { megabytes: Number(kilobytes.join("")) / 1024, seconds: (performance.now() - startedAt) / 1000 };
  },
};

async function timed(work) {
  const startedAt = performance.now();
  await work();
  return { rate: (count / (performance.now() - startedAt)) * 1000 };
}

console.log(JSON.stringify(await steps[step]()));
