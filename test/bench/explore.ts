import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { pairs, textOf, type Exploration } from "../simulation/explore.ts";
import { laboratories } from "../simulation/laboratory.ts";
import type { Task } from "../simulation/main.ts";
import { sharedPair, type Scenario } from "../simulation/programs.ts";

const laboratory = laboratories();
const randomWalks = 3_000_000;
const walksATask = 10_000;

/**
 * `npm run bench -- explore [--random] [--seed N] [--replay WORD]`: the refresh in a simulated world. Every schedule of two processes
 * with one disturbance, and of some with two; then three million random schedules of three to five processes, or with `--random` only
 * those.
 */
export async function explore(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { random: { type: "boolean" }, seed: { type: "string" }, replay: { type: "string" } },
  });
  if (values.replay !== undefined) {
    using lab = await laboratory();
    const { failure } = await lab.explore({ replay: values.replay });
    return console.log(failure && textOf(failure));
  }

  const startedAt = performance.now();
  const seed = Number(values.seed ?? Date.now());
  const deep = pairs(2).filter(({ kind, leftMs, programs: [one, other = ""] }) => {
    return kind !== "static" && leftMs === 0 && one === "token" && ["token", "logout", "login"].includes(other);
  });
  const isStrict = ({ kind, leftMs }: Scenario): boolean => kind === "strict" && leftMs === 0;
  const exhaustive = (scenarios: readonly Scenario[]): Task[] => scenarios.map((scenario) => ({ scenario }));
  const shared = (["token", "logout", "login"] as const).map(sharedPair);
  const everySchedule: [what: string, tasks: Task[]][] = [
    ["two processes, one disturbance", exhaustive(pairs(1))],
    ["two processes on two machines, one disturbance", exhaustive(pairs(1, true).filter(isStrict))],
    ["two processes, two disturbances", exhaustive(deep)],
    ["two processes and a shared store, a pause or a partition", exhaustive(shared)],
  ];
  const random: [what: string, tasks: Task[]] = [
    `three to five processes, seeds from ${seed}`,
    walks(seed, randomWalks),
  ];
  let schedules = 0;
  for (const [what, tasks] of values.random ? [random] : [...everySchedule, random]) {
    const explored = await all(tasks);
    schedules += explored.schedules;
    report(what, explored);
    if (explored.failure) {
      console.log(textOf(explored.failure));
      process.exitCode = 1;
      return;
    }
  }
  const seconds = (performance.now() - startedAt) / 1000;
  console.log(
    `${schedules.toLocaleString("en")} schedules in ${seconds.toFixed(0)} s: ${(schedules / seconds).toFixed(0)} a second`,
  );
}

function walks(seed: number, count: number): Task[] {
  return Array.from({ length: Math.ceil(count / walksATask) }, (_, index) => ({
    seed: seed + index * walksATask,
    walks: walksATask,
  }));
}

/** Runs tasks on every processor, until they are done or one has failed. */
async function all(tasks: Task[]): Promise<Exploration> {
  const sum: Exploration = { schedules: 0, steps: 0, states: 0 };
  const left = [...tasks];
  const work = async (): Promise<void> => {
    using lab = await laboratory();
    for (let task = left.shift(); task !== undefined && sum.failure === undefined; task = left.shift()) {
      const { schedules, steps, states, failure } = await lab.explore(task);
      sum.schedules += schedules;
      sum.steps += steps;
      sum.states += states;
      if (failure) sum.failure = failure;
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return sum;
}

function report(what: string, { schedules, steps, states, failure }: Exploration): void {
  const count = (number: number, of: string): string => (number === 0 ? "" : `${number.toLocaleString("en")} ${of}, `);
  console.log(
    `${what}: ${count(schedules, "schedules")}${count(states, "states")}${count(steps, "steps")}${failure ? "VIOLATED" : "nothing violated"}`,
  );
}
