import { hash } from "node:crypto";
import { numbersFrom } from "./random.ts";
import { programs, worldOf, type ProgramName, type Scenario } from "./programs.ts";
import { kinds } from "./service.ts";
import type { Use } from "./use.ts";
import { disturbances, reliefs, timePasses, keyOf, type Choice, type World } from "./world.ts";

interface Schedule {
  /** The number of each choice, among how many. */
  readonly choices: readonly number[];
  readonly made: readonly Choice[];
  readonly violation: string | undefined;
}

/** A failure, and what replays it. */
export interface Failure extends Pick<Schedule, "violation"> {
  readonly steps: readonly string[];
  readonly replay: string;
  readonly seed?: number;
}

export interface Exploration {
  schedules: number;
  steps: number;
  /** With every schedule tried. */
  states: number;
  failure?: Failure;
}

const stepLimit = 3_000;

/**
 * Waits until only the world is left to wait for. Everything else in the code under test settles in microtasks, a
 * repeated `import()` included, and Node runs the next tick when there are none.
 */
const quiet = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

/**
 * Runs a scenario once, in a world of its own.
 * @param pick - the number of the choice to make; undefined to leave it there
 */
export async function schedule(
  world: World,
  pick: (choices: readonly Choice[]) => number | undefined,
): Promise<Schedule> {
  const { ledger } = world;
  const numbers: number[] = [];
  const made: Choice[] = [];
  await quiet();
  while (ledger.violation === undefined) {
    const choices = world.choices();
    if (choices.length === 0) {
      if (world.isOver) ledger.end();
      else ledger.violate("nobody can go on");
      break;
    }
    if (numbers.length > stepLimit) ledger.violate("it does not end");
    const number = pick(choices);
    if (number === undefined) break;
    const choice = choices[number];
    if (choice === undefined) throw new RangeError(`there is no choice ${number}`);
    numbers.push(number);
    made.push(choice);
    world.take(choice);
    await quiet();
  }
  return { choices: numbers, made, violation: ledger.violation };
}

/** A step, and what it uses of the world. */
interface Step {
  readonly choice: Choice;
  readonly use: Use;
}

/** A state on the way to the one that is tried now. */
interface Fork {
  /** What is still to be tried there; the first of them is being tried. */
  readonly left: { readonly number: number; readonly choice: Choice }[];
  /** What that one uses, once it has been taken. */
  use: Use | undefined;
  /** What need not be tried there. */
  readonly asleep: Step[];
}

/**
 * Every schedule of a scenario, but for those in which nothing new happens, in two ways. What follows a state that has been seen is known.
 * And of two steps of which neither changes what the other uses, one order is enough: what was tried in a state need not be tried again
 * after the steps that it has nothing to do with (sleep sets, and with them every state is still reached: Godefroid, Partial-Order Methods
 * for the Verification of Concurrent Systems, 1996).
 *
 * @param isThorough - tries both orders
 */
export async function exhaustively(scenario: Scenario, isThorough = false): Promise<Exploration> {
  const exploration: Exploration = { schedules: 0, steps: 0, states: 0 };
  /** The states that were seen, by a hash, and the keys of what was asleep there each time. */
  const seen = new Map<string, ReadonlySet<string>>();
  const path: Fork[] = [];
  do {
    const world = worldOf(scenario);
    let depth = 0;
    const ended = await schedule(world, (choices) => {
      if (depth === path.length) {
        const fork = forkAt(world, choices, path.at(-1), seen, isThorough);
        if (fork !== undefined) path.push(fork);
      }
      return path[depth++]?.left[0]?.number;
    });
    exploration.schedules += 1;
    exploration.steps += ended.choices.length;
    exploration.states = seen.size;
    if (ended.violation) return { ...exploration, failure: failureOf(scenario, ended) };
    for (let last = path.at(-1); last !== undefined; last = path.at(-1)) {
      const tried = last.left.shift();
      if (last.left.length === 0) path.pop();
      else if (tried !== undefined) {
        last.asleep.push({ choice: tried.choice, use: last.use ?? world.use });
        last.use = undefined;
        break;
      }
    }
  } while (path.length > 0);
  return exploration;
}

/** What to try in a state that `last` has led to; undefined if all of it has been tried. */
function forkAt(
  world: World,
  choices: readonly Choice[],
  last: Fork | undefined,
  seen: Map<string, ReadonlySet<string>>,
  isThorough: boolean,
): Fork | undefined {
  const taken = last?.left[0]?.choice;
  let asleep: Step[] = [];
  if (last !== undefined && taken !== undefined) {
    last.use = world.use;
    const step = { choice: taken, use: world.use };
    asleep = last.asleep.filter((other) => !isThorough && isIndependent(other, step));
  }
  const sleeping = new Set(asleep.map(({ choice }) => keyOf(choice)));
  let left = choices.map((choice, number) => ({ number, choice })).filter(({ choice }) => !sleeping.has(keyOf(choice)));
  if (choices.length > 1) {
    const { state, renamed } = stateOf(world);
    const before = seen.get(state);
    if (before !== undefined) {
      left = left.filter(({ choice }) => before.has(renamed(keyOf(choice))));
      asleep = asleep.filter(({ choice }) => before.has(renamed(keyOf(choice))));
    }
    seen.set(state, new Set(asleep.map(({ choice }) => renamed(keyOf(choice)))));
  }
  return left.length === 0 ? undefined : { left, use: undefined, asleep };
}

/**
 * A hash of a state. Where both processes run one program, the state in which they have changed places has the same
 * hash: what follows differs in their names alone.
 * @returns also what a key is called in the one of both states that is hashed
 */
function stateOf(world: World): { state: string; renamed: (key: string) => string } {
  const { processes } = world;
  const hashed = (text: string): string => hash("sha1", text, "base64");
  const state = world.state(processes);
  const [one = "", other = ""] = processes.map(({ name }) => name);
  if (processes.length !== 2 || one.slice(0, -1) !== other.slice(0, -1))
    return { state: hashed(state), renamed: (key) => key };
  const names = new RegExp(`${one}|${other}`, "g");
  const swap = (text: string): string => text.replace(names, (name) => (name === one ? other : one));
  const mirrored = swap(world.state([...processes].reverse()));
  return mirrored < state
    ? { state: hashed(mirrored), renamed: swap }
    : { state: hashed(state), renamed: (key) => key };
}

/** Whether two steps lead to the same state in either order. Each disturbance leaves fewer for the others, and time passes for all. */
function isIndependent(one: Step, other: Step): boolean {
  const [a, b] = [one.choice, other.choice];
  // By name: each schedule has processes of its own.
  if (a.process?.name === b.process?.name || (a.isDisturbance && b.isDisturbance)) return false;
  if (a.what === timePasses || b.what === timePasses) return false;
  const isTouched = (by: Use, use: Use): boolean => (by.changes & (use.looks | use.changes)) !== 0;
  return !isTouched(one.use, other.use) && !isTouched(other.use, one.use);
}

/** Random walks through scenarios of three to five processes, one per seed. */
export async function walk(firstSeed: number, walks: number): Promise<Exploration> {
  const exploration: Exploration = { schedules: 0, steps: 0, states: 0 };
  for (let seed = firstSeed; seed < firstSeed + walks; seed += 1) {
    const { scenario, pick } = randomWalk(seed);
    const ended = await schedule(worldOf(scenario), pick);
    exploration.schedules += 1;
    exploration.steps += ended.choices.length;
    if (ended.violation) return { ...exploration, failure: { ...failureOf(scenario, ended), seed } };
  }
  return exploration;
}

/**
 * A scenario and its choices from one seed. Each walk has its own disturbances, their rate, and how long it stays with
 * one process: with all of them in every walk, two of a kind would hardly ever meet.
 */
function randomWalk(seed: number): { scenario: Scenario; pick: (choices: readonly Choice[]) => number } {
  const random = numbersFrom(seed);
  const one = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  const names = Object.keys(programs) as ProgramName[];
  const scenario: Scenario = {
    programs: Array.from({ length: one([3, 4, 5]) }, () => one([...names, "token"] as const)),
    kind: one(kinds),
    isUnseen: random() < 0.3,
    leftMs: one([0, 30_000, 600_000]),
    disturbances: one([0, 1, 2, 3, 5, 8]),
  };
  const disturbs = one([0.02, 0.05, 0.2]);
  const stays = one([0, 0.5, 0.9]);
  const kindsHere = new Set(disturbances.filter(() => random() < 0.35));
  let last: Choice["process"];
  const pick = (choices: readonly Choice[]): number => {
    const wanted = random() < disturbs;
    const isWanted = ({ what, isDisturbance }: Choice): boolean =>
      isDisturbance ? wanted && kindsHere.has(what) : wanted === reliefs.includes(what);
    let liked = choices.filter(isWanted);
    if (liked.length === 0) liked = choices.filter(({ isDisturbance }) => !isDisturbance);
    const { what } = one(liked);
    const same = liked.filter((choice) => (wanted ? choice.what === what : choice.process === last));
    const choice = one(same.length > 0 && (wanted || random() < stays) ? same : liked);
    last = choice.process;
    return choices.indexOf(choice);
  };
  return { scenario, pick };
}

function failureOf(
  { programs, kind, isUnseen, leftMs, disturbances, place = "files" }: Scenario,
  { made, violation, choices }: Schedule,
): Failure {
  return {
    steps: made.map(({ what, process, wait }) => [process?.name, wait?.name, what].filter(Boolean).join(" ")),
    violation,
    replay: `${programs.join("+")}/${kind}/${isUnseen ? "unseen" : "seen"}/${leftMs}/${disturbances}/${place}/${choices.join(".")}`,
  };
}

/** Runs one schedule again. `word`: from a {@link Failure}. */
export async function replay(word: string): Promise<Exploration> {
  const [names = "", kind, sight, leftMs, disturbances, place, choices = ""] = word.split("/");
  const numbers = choices.split(".").map(Number);
  const scenario = {
    programs: names.split("+"),
    kind,
    isUnseen: sight === "unseen",
    leftMs: Number(leftMs),
    disturbances: Number(disturbances),
    place,
  } as Scenario;
  const ended = await schedule(worldOf(scenario), () => numbers.shift());
  return { schedules: 1, steps: ended.choices.length, states: 0, failure: failureOf(scenario, ended) };
}

/** With the steps, and how to replay it. */
export function textOf({ steps, violation = "nothing violated", replay, seed }: Failure): string {
  const lines = steps.map((step, index) => `${String(index + 1).padStart(4)}  ${step}`).join("\n");
  return `${lines}\n\n${violation}\n${seed === undefined ? "" : `seed ${seed}; `}again: npm run bench -- explore --replay '${replay}'`;
}

/**
 * Each pair of programs and kind of service, with an expired token and one about to expire.
 * @param isUnseen - on two machines
 */
export function pairs(disturbances: number, isUnseen = false): Scenario[] {
  const names = Object.keys(programs) as ProgramName[];
  return names.flatMap((one, index) =>
    names
      .slice(index)
      .flatMap((other) =>
        kinds.flatMap((kind) =>
          [0, 30_000].map((leftMs) => ({ programs: [one, other], kind, isUnseen, leftMs, disturbances })),
        ),
      ),
  );
}
