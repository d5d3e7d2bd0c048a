// One task, as JSON, in its own process without a loader, in which every `import()` would ask another thread.
import "./runtime.ts";
import "../../src/auth/token-manager/refresh.ts";
import { exhaustively, replay, walk, type Exploration } from "./explore.ts";
import { installModels } from "./process.ts";
import type { Scenario } from "./programs.ts";

/** Scenarios to explore exhaustively; walks from a seed on; or one schedule to replay. */
export type Task = { scenarios: readonly Scenario[] } | { seed: number; walks: number } | { replay: string };

async function explore(task: Task): Promise<Exploration> {
  if ("replay" in task) return replay(task.replay);
  if ("seed" in task) return walk(task.seed, task.walks);
  const sum: Exploration = { schedules: 0, steps: 0, states: 0 };
  for (const scenario of task.scenarios) {
    const { schedules, steps, states, failure } = await exhaustively(scenario);
    sum.schedules += schedules;
    sum.steps += steps;
    sum.states += states;
    if (failure) return { ...sum, failure };
  }
  return sum;
}

installModels();
console.log(JSON.stringify(await explore(JSON.parse(process.argv[2] ?? "{}") as Task)));
