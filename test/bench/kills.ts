import { randomInt } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startFakeSaas } from "../fake-saas/server.ts";
import { commandEnvironment, startCommand, type CommandEnvironment, type RunningCommand } from "../helpers/command.ts";
import { numbersFrom } from "../simulation/random.ts";
import { startWindows, withoutWindows, type Windows } from "../helpers/windows.ts";
import { deeds, logIn, type Outcome, type Stage, type Strike } from "./kill-rounds.ts";
import { median } from "./valid-token.ts";
import { widthOfWindow } from "./window.ts";

/** Where the command runs, and with what Node's `--import` is given there. */
export interface Machine {
  name: string;
  start(args: readonly string[], env: CommandEnvironment, nodeArgs?: readonly string[]): RunningCommand;
  /** The environment for one more folder, and what removes that. */
  place(service: string): { env: CommandEnvironment; remove(): void };
  /** How long after a request was seen a command is killed at the latest, in milliseconds. */
  aimMs: number;
}

/** What became of the rounds of one deed. */
interface Tally extends Record<Outcome, number> {
  rounds: number;
  /** The command had not ended before. */
  killed: number;
}

const none: Tally = { rounds: 0, killed: 0, nothing: 0, part: 0, all: 0, window: 0, lost: 0 };

/**
 * `npm run bench -- kills [--rounds N] [--windows-rounds N] [--seed N]`: kills the command at random moments, one half of them within
 * moments of the request that counts, and says what became of the session and of the queue. The exit code is 1 if anything was
 * lost outside the one window. A seed gives the same moments; what the scheduler does with them is its own affair.
 */
export async function kills(args: readonly string[]): Promise<void> {
  const number = { type: "string" } as const;
  const { values } = parseArgs({
    args: [...args],
    options: { rounds: number, "windows-rounds": number, seed: number },
  });
  const seed = Number(values.seed ?? randomInt(2 ** 32));
  await killOn(here, Number(values.rounds ?? 1000), seed);
  const rounds = Number(values["windows-rounds"] ?? 100);
  if (withoutWindows !== false) return console.log(`Windows: not tried, ${withoutWindows}`);
  if (rounds === 0) return;
  const windows = startWindows();
  try {
    await killOn(wine(windows), rounds, seed);
  } finally {
    windows.stop();
  }
}

const noEnd = { after: (): void => undefined };

const here: Machine = {
  name: process.platform,
  start: (args, env, nodeArgs = []) => startCommand(noEnd, args, env, { nodeArgs }),
  place(service) {
    const folder = mkdtempSync(join(tmpdir(), "spec-kitty-bench-"));
    return { env: commandEnvironment(folder, service), remove: () => rmSync(folder, { recursive: true, force: true }) };
  },
  aimMs: 25,
};

function wine(windows: Windows): Machine {
  let folders = 0;
  return {
    name: "Windows (Wine)",
    start: (args, env, nodeArgs = []) => windows.start(args, { env, nodeArgs }),
    place(service) {
      folders += 1;
      return {
        env: {
          SPEC_KITTY_SAAS_URL: service,
          SPEC_KITTY_STORAGE: "file",
          SPEC_KITTY_CONFIG_DIR: `C:\\kills-${folders}`,
        },
        remove: () => undefined,
      };
    },
    aimMs: 60,
  };
}

/** Measures the window of one machine while nothing else runs, plays its rounds on all processors, and prints what came of them. */
async function killOn(machine: Machine, rounds: number, seed: number): Promise<void> {
  const startedAt = performance.now();
  const widths = (await widthOfWindow(machine, 100)).sort((a, b) => a - b);
  const within = (share: number): string => `${widths[Math.ceil(widths.length * share) - 1]?.toFixed(1)} ms`;
  console.log(
    `${machine.name}: from the rotation of a token to the stored one, median ${median(widths).toFixed(1)} ms, 95 % within ${within(0.95)}, all within ${within(1)}`,
  );
  const tallies = new Map<string, Tally>(Object.keys(deeds).map((name) => [name, { ...none }]));
  const tasks = Object.keys(deeds).flatMap((name) => [name, name]);
  const left = tasks.map((name, index) => async (): Promise<void> => {
    const share = Math.ceil(rounds / tasks.length);
    const tally = await play(machine, name, share, numbersFrom(seed + index));
    tallies.set(name, added(tallies.get(name) ?? none, tally));
  });
  const work = async (): Promise<void> => {
    for (let task = left.shift(); task !== undefined; task = left.shift()) await task();
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  const total = [...tallies.values()].reduce(added);
  console.table(Object.fromEntries([...tallies, ["all", total] as const].map(([name, tally]) => [name, rowOf(tally)])));
  console.log(`${rounds} rounds, seed ${seed}, ${((performance.now() - startedAt) / 1000).toFixed(0)} s\n`);
  if (total.lost > 0) process.exitCode = 1;
}

function rowOf({ rounds, killed, nothing, part, all, window, lost }: Tally): Record<string, number> {
  return {
    rounds,
    "killed in time": killed,
    "nothing done": nothing,
    "part done": part,
    "all done": all,
    "lost in the window": window,
    "lost otherwise": lost,
  };
}

function added(a: Tally, b: Tally): Tally {
  return Object.fromEntries(
    Object.entries(a).map(([key, count]) => [key, count + b[key as keyof Tally]]),
  ) as unknown as Tally;
}

/** The rounds of one deed, at a service and in a folder of its own, next to another profile that nothing may happen to. */
async function play(machine: Machine, name: string, rounds: number, random: () => number): Promise<Tally> {
  const tally: Tally = { ...none, rounds };
  const saas = await startFakeSaas();
  const { env, remove } = machine.place(saas.url);
  try {
    const stage: Stage = {
      saas,
      start: (args) => machine.start(args.split(" "), { ...env, SPEC_KITTY_PROFILE: "default" }),
    };
    let usualMs = 0;
    const strike: Strike = async ({ start }, args, path, onStart) => {
      const asked = path === undefined ? 0 : saas.count(path);
      const startedAt = performance.now();
      const running = start(args);
      onStart?.(running);
      let timer: NodeJS.Timeout | undefined;
      const killIn = (ms: number): void => void (timer = setTimeout(() => running.child.kill("SIGKILL"), ms));
      if (usualMs > 0 && path !== undefined && random() < 0.5) {
        const delayMs = random() * machine.aimMs;
        void saas
          .until(() => saas.count(path) > asked)
          .then(
            () => killIn(delayMs),
            () => undefined,
          );
      } else if (usualMs > 0) {
        killIn(random() * usualMs * 1.1);
      }
      const result = await running.ended;
      clearTimeout(timer);
      const tookMs = performance.now() - startedAt;
      if (result.signal !== "SIGKILL") usualMs = usualMs === 0 ? tookMs : Math.min(usualMs, tookMs);
      else tally.killed += 1;
      return result;
    };
    await logIn(stage, " --profile neighbour");
    const deed = deeds[name]?.(stage);
    if (deed === undefined) throw new TypeError(name);
    await deed.prepare();
    // The first one is not killed, and shows how long it takes.
    await deed.round(strike);
    for (let left = rounds; left > 0; left -= 1) tally[await deed.round(strike)] += 1;
    const end = await deed.finish?.();
    if (end) {
      tally.lost += end.lost;
      tally.nothing -= end.unsaid;
      tally.part += end.unsaid;
    }
    if ((await stage.start("auth refresh --profile neighbour").ended).code !== 0) tally.lost += 1;
    return tally;
  } finally {
    await saas.close();
    remove();
  }
}
