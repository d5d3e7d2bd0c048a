// Runs every mutant of the lists here in a copy of the package: one of its tests must fail, not by a time limit. Prints
// each outcome and the test that noticed. Exits 1 unless all were killed.
import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { textOf } from "../helpers/import-graph.ts";
import { alarm } from "../helpers/until.ts";
import { mutants, mutated } from "./list.ts";
import { compile, Workplace } from "./workplace.ts";

type Verdict = "killed" | "survived" | "timed out" | "not in the source" | "not runnable" | "without a test";

const scratch = mkdtempSync(join(tmpdir(), "mutants-"));
// Some tests act as another user, who must reach the copy.
chmodSync(scratch, 0o755);
/** Process groups of running tests. */
const groups = new Set<number>();
process.once("exit", () => {
  groups.forEach(endGroup);
  rmSync(scratch, { recursive: true, force: true });
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

/** Ends a test with all its processes. */
function endGroup(group: number): void {
  if (!groups.delete(group)) return;
  try {
    process.kill(-group, "SIGKILL");
  } catch {}
}

interface Run {
  /** The first failed test, or the output instead; undefined without a failure. */
  readonly failure: string | undefined;
  readonly isTimedOut: boolean;
  readonly output: string;
  readonly ms: number;
}

/** Runs a test file until a test fails, all have passed, or the limit; then ends all its processes. */
function run(folder: string, test: string, limitMs: number): Promise<Run> {
  const child = spawn(process.execPath, ["--import", "tsx", "--test", "--test-reporter=tap", test], {
    cwd: folder,
    env: { ...process.env, TMPDIR: scratch },
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const startedAt = performance.now();
  const { pid = 0 } = child;
  groups.add(pid);
  const end = (): void => endGroup(pid);
  let isTimedOut = false;
  // Longer on a busy machine, like the limits of the test's own waits, which must come first.
  const disarm = alarm(limitMs, () => {
    isTimedOut = true;
    end();
  });
  let output = "";
  let failure: string | undefined;
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      // With the reason, which follows at once.
      [failure] = /(?<=^ *not ok \d+ - ).*(?=\n {2}---\n[^]*\n {2}\.\.\.\n)/m.exec(output) ?? [];
      if (failure !== undefined) end();
    });
  }
  return new Promise((resolve) =>
    child.once("close", (code) => {
      disarm();
      end();
      if (code !== 0) failure ??= output.trim().split("\n").at(-1) ?? "";
      resolve({ failure, isTimedOut, output, ms: performance.now() - startedAt });
    }),
  );
}

const unchanged = new Map<string, Promise<Run>>();
/** A test file that fails without a mutant proves nothing. */
function withoutMutant(folder: string, test: string): Promise<Run> {
  const known = unchanged.get(test) ?? run(folder, test, 180_000);
  unchanged.set(test, known);
  return known;
}

const counts: Record<Verdict, number> = {
  killed: 0,
  survived: 0,
  "timed out": 0,
  "not in the source": 0,
  "not runnable": 0,
  "without a test": 0,
};
function report(verdict: Verdict, what: string, detail: string): void {
  counts[verdict] += 1;
  if (verdict !== "killed") process.exitCode = 1;
  console.log(`${verdict.padEnd(9)}  ${what}\n           ${detail}`);
}

const words = process.argv.slice(2);
const wanted = mutants().filter(
  ({ file, what }) => words.length === 0 || words.some((word) => `${file} ${what}`.includes(word)),
);
const todo = wanted.flatMap((mutant) => {
  const text = mutated(textOf(mutant.file), mutant);
  if (text === undefined) report("not in the source", mutant.what, `${mutant.file}: ${mutant.from}`);
  return text === undefined ? [] : [{ ...mutant, text }];
});
const made = compile(todo, scratch);
const queue = [...todo.entries()];

await Promise.all(
  Array.from({ length: availableParallelism() }, async (_, number) => {
    const workplace = new Workplace(join(scratch, `copy${number}`));
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [index, { what, file, text, tests }] = next;
      const compiled = made[index];
      let verdict: Verdict = compiled === undefined ? "not runnable" : "survived";
      let detail = `${file}; tried: ${tests.join(", ")}`;
      for (const test of compiled === undefined ? [] : tests) {
        const before = await withoutMutant(workplace.folder, test);
        if (before.failure !== undefined) {
          verdict = "without a test";
          detail = `${test} fails without a mutant: ${before.failure}`;
          break;
        }
        const changeBack = workplace.change({ file, text }, compiled ?? "");
        const { failure, isTimedOut, output, ms } = await run(workplace.folder, test, 30_000 + 4 * before.ms);
        changeBack();
        if (failure === undefined) continue;
        // A mutant that cannot run fails every test, and proves nothing.
        const isBroken = /error: '?(?:\w+ is not defined|Unexpected token|Invalid or unexpected)/.test(output);
        verdict = isTimedOut ? "timed out" : isBroken ? "not runnable" : "killed";
        detail = `${(ms / 1000).toFixed(1)} s  ${test}: ${failure}`;
        break;
      }
      report(verdict, what, detail);
    }
  }),
);
const summary = (Object.keys(counts) as Verdict[]).map((verdict) => `${counts[verdict]} ${verdict}`);
console.log(`\n${wanted.length} mutants: ${summary.join(", ")}`);
