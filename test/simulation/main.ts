// Does tasks in its own process without a loader, in which every `import()` would ask another thread.
import "./runtime.ts";
import "../../src/auth/token-manager/refresh.ts";
import { exhaustively, replay, walk, type Exploration } from "./explore.ts";
import { installModels } from "./process.ts";
import type { Scenario } from "./programs.ts";

/** A scenario to explore exhaustively; walks from a seed on; or one schedule to replay. */
export type Task = { scenario: Scenario; isThorough?: boolean } | { seed: number; walks: number } | { replay: string };

function explore(task: Task): Promise<Exploration> {
  if ("replay" in task) return replay(task.replay);
  if ("seed" in task) return walk(task.seed, task.walks);
  return exhaustively(task.scenario, task.isThorough);
}

installModels();
process.on("message", (task: Task) => void explore(task).then((exploration) => process.send?.(exploration)));
