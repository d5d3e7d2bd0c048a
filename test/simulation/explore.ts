import { numbersFrom } from "./random.ts";
import { programs, worldOf, type ProgramName, type Scenario } from "./programs.ts";
import { kinds } from "./service.ts";
import { disturbances, reliefs, type Choice, type World } from "./world.ts";

/** How one schedule went. */
interface Schedule {
  /** The number of each choice that was made, among those there were. */
  readonly choices: readonly number[];
  /** What happened, step by step. */
  readonly steps: readonly string[];
  readonly violation: string | undefined;
}

/** A failure, and what replays it. */
export interface Failure extends Omit<Schedule, "choices"> {
  readonly replay: string;
  readonly seed?: number;
}

/** What an exploration has seen. */
export interface Exploration {
  schedules: number;
  steps: number;
  /** Different states, where every schedule is tried. */
  states: number;
  failure?: Failure;
}

const stepLimit = 3_000;

/**
 * Waits until nothing is left to run but what waits for the world. All else that the code under test waits for is settled in microtasks,
 * an `import()` of what is loaded already included, and Node runs the next tick when there is none left.
 */
const quiet = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

/**
 * Runs a scenario once.
 * @param pick - the number of the choice to make; undefined to leave it there
 */
export async function schedule(
  scenario: Scenario,
  pick: (choices: readonly Choice[], world: World) => number | undefined,
): Promise<Schedule> {
  const world = worldOf(scenario);
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
    const number = pick(choices, world);
    if (number === undefined) break;
    const choice = choices[number];
    if (choice === undefined) throw new RangeError(`there is no choice ${number}`);
    numbers.push(number);
    made.push(choice);
    world.take(choice);
    await quiet();
  }
  const steps = made.map(({ what, process, waitsFor }) => [process?.name, waitsFor, what].filter(Boolean).join(" "));
  return { choices: numbers, steps, violation: ledger.violation };
}

/** Every schedule of a scenario, but for those that come to a state that has been seen: what follows that is known. */
export async function exhaustively(scenario: Scenario): Promise<Exploration> {
  const seen = new Set<string>();
  /** The way to the choice that is tried now: the number that is next at each, and how many there are. */
  const path: { next: number; count: number }[] = [];
  const exploration: Exploration = { schedules: 0, steps: 0, states: 0 };
  do {
    let depth = 0;
    const ended = await schedule(scenario, (choices, world) => {
      if (choices.length === 1) return 0;
      const known = path[depth++];
      if (known) return known.next;
      const { state } = world;
      if (seen.has(state)) return undefined;
      seen.add(state);
      path.push({ next: 0, count: choices.length });
      return 0;
    });
    exploration.schedules += 1;
    exploration.steps += ended.steps.length;
    exploration.states = seen.size;
    if (ended.violation) return { ...exploration, failure: failureOf(scenario, ended) };
    for (let last = path.at(-1); last && ++last.next >= last.count; last = path.at(-1)) path.pop();
  } while (path.length > 0);
  return exploration;
}

/** Walks through scenarios of three to five processes. One seed is one walk. */
export async function walk(firstSeed: number, walks: number): Promise<Exploration> {
  const exploration: Exploration = { schedules: 0, steps: 0, states: 0 };
  for (let seed = firstSeed; seed < firstSeed + walks; seed += 1) {
    const { scenario, pick } = randomWalk(seed);
    const ended = await schedule(scenario, pick);
    exploration.schedules += 1;
    exploration.steps += ended.steps.length;
    if (ended.violation) return { ...exploration, failure: { ...failureOf(scenario, ended), seed } };
  }
  return exploration;
}

/**
 * A scenario and the choices in it, from one seed. Each walk has its own mind: which disturbances there are, how often, and how long it
 * stays with one process. With all of them in every walk, two of the same kind would hardly ever come together.
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
  { steps, violation, choices }: Schedule,
): Failure {
  return {
    steps,
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
  const ended = await schedule(scenario, () => numbers.shift());
  return { schedules: 1, steps: ended.steps.length, states: 0, failure: failureOf(scenario, ended) };
}

/** A failure as people read it, and how to see it again. */
export function textOf({ steps, violation = "nothing violated", replay, seed }: Failure): string {
  const lines = steps.map((step, index) => `${String(index + 1).padStart(4)}  ${step}`).join("\n");
  return `${lines}\n\n${violation}\n${seed === undefined ? "" : `seed ${seed}; `}again: npm run bench -- explore --replay '${replay}'`;
}

/**
 * Each pair of programs, with each kind of service, and with a token that has expired and one that is about to.
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
