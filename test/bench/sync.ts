import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startFakeSaas, type FakeSaas } from "../fake-saas/server.ts";
import { bin, commandEnvironment, type CommandEnvironment } from "../helpers/command.ts";
import { sessionOf, storeSession } from "../helpers/stored-session.ts";
import { median } from "./valid-token.ts";

const script = fileURLToPath(new URL("sync-process.js", import.meta.url));

/** What the synchronisation costs. Events a second, unless a name says otherwise. */
export interface SyncCosts {
  queued: { oneByOne: number; together: number };
  drained: DrainCost[];
  /** What grows is what V8 does not collect while it has room: with `--max-old-space-size=24 --max-semi-space-size=1` nothing does. */
  peaks: { events: number; emitted: string; megabytes: number; seconds: number }[];
  /** User and system time of a whole process, in milliseconds, and how long it took, of which the disk's part is waiting. */
  coldStart: { bareNode: number; emit: number; bareNodeTaken: number; emitTaken: number };
}

/** A drain of 10,000 events, against a loop of `fetch` that posts prepared bodies of the same events to the same service. */
export interface DrainCost {
  emitted: "one by one" | "together";
  bare: number;
  ours: number;
  ratio: number;
}

/** Measures with the built package, in processes of their own; the service is in this one. */
export async function syncCosts(): Promise<SyncCosts> {
  const saas = await startFakeSaas();
  const root = mkdtempSync(join(tmpdir(), "spec-kitty-bench-"));
  // A disk takes minutes for ten thousand flushes, and they change nothing about the drain that follows.
  const quick = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "spec-kitty-bench-"));
  let count = 0;
  const scene = async (folder = root): Promise<CommandEnvironment> => {
    const env = commandEnvironment(join(folder, String(count++)), saas.url);
    await storeSession(saas, env, {
      ...sessionOf(saas, { leftMs: 3_600_000 }),
      teams: [{ id: "tm_acme", name: "Acme Corp" }],
    });
    return env;
  };
  try {
    const queued = { oneByOne: 0, together: 0 };
    const drained: DrainCost[] = [];
    for (const emitted of ["one by one", "together"] as const) {
      const rates: number[] = [];
      const turns: { bare: number; ours: number }[] = [];
      for (let turn = 0; turn < 3; turn++) {
        rates.push((await run(await scene(), "emit", emitted === "together" ? 10_000 : 1000, emitted)).rate);
        const env = await scene(quick);
        await run(env, "emit", 10_000, emitted);
        const order = turn % 2 ? ["drain", "bare"] : ["bare", "drain"];
        // The loop's bodies are the queue's own events; the service forgets them in between, so that both have the same to do.
        const results: Record<string, number> = {};
        await run(env, "prepare", 10_000, join(root, "bodies"));
        for (const what of order) {
          forget(saas);
          results[what] = (await run(env, what, 10_000, join(root, "bodies"))).rate;
          if (saas.events.size !== 10_000) throw new Error(`${what}: ${saas.events.size} events arrived`);
        }
        turns.push({ bare: results["bare"] ?? NaN, ours: results["drain"] ?? NaN });
      }
      queued[emitted === "together" ? "together" : "oneByOne"] = median(rates);
      const [bare, ours] = [median(turns.map((turn) => turn.bare)), median(turns.map((turn) => turn.ours))];
      drained.push({ emitted, bare, ours, ratio: median(turns.map((turn) => turn.ours / turn.bare)) });
    }
    const peaks: SyncCosts["peaks"] = [];
    for (const [events, emitted] of [
      [1000, "one by one"],
      [1000, "together"],
      [10_000, "one by one"],
      [10_000, "together"],
      [100_000, "together"],
      [100_000, "one by one"],
      [100_000, "large"],
    ] as const) {
      const env = await scene(quick);
      forget(saas);
      await run(env, "emit", events, emitted);
      const { megabytes, seconds } = await run(env, "now", events, "");
      if (saas.events.size !== events) throw new Error(`${saas.events.size} of ${events} events arrived`);
      peaks.push({ events, emitted, megabytes, seconds });
    }
    return { queued, drained, peaks, coldStart: coldStart(await scene(), root) };
  } finally {
    await saas.close();
    for (const folder of [root, quick]) rmSync(folder, { recursive: true, force: true });
  }
}

/** The costs as tables, each with a title; the last column holds what is true on other machines too, where anything is. */
export function syncTables({
  queued,
  drained,
  peaks,
  coldStart: start,
}: SyncCosts): { title: string; rows: string[][] }[] {
  const perSecond = (rate: number): string => Math.round(rate).toLocaleString("en");
  return [
    {
      title: "Events queued by one process",
      rows: [
        ["", "a second"],
        ["one by one", perSecond(queued.oneByOne)],
        ["a thousand at a time", perSecond(queued.together)],
      ],
    },
    {
      title: "10,000 events drained, and the same events posted as prepared bodies by a loop of fetch",
      rows: [
        ["", "fetch, a second", "ours, a second", "of fetch (goal: 0.5)"],
        ...drained.map(({ emitted, bare, ours, ratio }) => [
          `emitted ${emitted}`,
          perSecond(bare),
          perSecond(ours),
          ratio.toFixed(2),
        ]),
      ],
    },
    {
      title: "sync now, the whole command",
      rows: [
        ["", "seconds", "peak of memory, MB (goal: under 150)"],
        ...peaks.map(({ events, emitted, megabytes, seconds }) => [
          `${perSecond(events)} events, emitted ${emitted}`,
          seconds.toFixed(2),
          megabytes.toFixed(0),
        ]),
      ],
    },
    {
      title: "Cold start of sync emit, medians of 20 runs in turns",
      rows: [
        ["", "ms of work", "ms until it ends", "work beyond node"],
        ["node -e 0", start.bareNode.toFixed(1), start.bareNodeTaken.toFixed(0), ""],
        [
          "sync emit",
          start.emit.toFixed(1),
          start.emitTaken.toFixed(0),
          `+${(start.emit - start.bareNode).toFixed(1)}`,
        ],
      ],
    },
  ];
}

function forget(saas: FakeSaas): void {
  saas.events.clear();
  saas.requests.length = 0;
}

interface Measured {
  rate: number;
  megabytes: number;
  seconds: number;
}

/** One step in a process of its own, which measures itself. */
async function run(env: CommandEnvironment, step: string, events: number, how: string): Promise<Measured> {
  const child = spawn(process.execPath, [script, step, String(events), how], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [text] = await Promise.all([child.stdout.toArray(), once(child, "close")]);
  return JSON.parse(text.join("")) as Measured;
}

function coldStart(env: CommandEnvironment, folder: string): SyncCosts["coldStart"] {
  const meter = join(folder, "meter.cjs");
  writeFileSync(
    meter,
    `process.on("exit", () => { const u = process.resourceUsage(); require("fs").writeSync(3, String(u.userCPUTime + u.systemCPUTime)); });`,
  );
  const payload = JSON.stringify({ wp_id: "WP01", entry_type: "note", entry_content: "wrote a line" });
  const once = (...args: string[]): [spent: number, taken: number] => {
    const startedAt = performance.now();
    const { output, status, stderr } = spawnSync(process.execPath, ["-r", meter, ...args], {
      env,
      stdio: ["ignore", "pipe", "pipe", "pipe"],
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(stderr);
    return [Number(output[3]) / 1000, performance.now() - startedAt];
  };
  const bare: [number, number][] = [];
  const emit: [number, number][] = [];
  for (let turn = 0; turn < 20; turn++) {
    bare.push(once("-e", "0"));
    emit.push(once(bin, "sync", "emit", "HistoryAdded", "--aggregate", "WP01", "--payload", payload));
  }
  const [spent, taken] = [0, 1].map(
    (column) => (runs: [number, number][]) => median(runs.map((times) => times[column] ?? NaN)),
  );
  return {
    bareNode: spent?.(bare) ?? NaN,
    emit: spent?.(emit) ?? NaN,
    bareNodeTaken: taken?.(bare) ?? NaN,
    emitTaken: taken?.(emit) ?? NaN,
  };
}
