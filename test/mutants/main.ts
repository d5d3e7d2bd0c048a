// Tries every mutant of the lists next to this file, each in a copy of the package: one of its tests must fail, and not by a time limit.
// Prints how each ended and which test noticed. The exit code is 1 unless all were killed.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { textOf } from "../helpers/import-graph.ts";
import { mutants, mutated } from "./list.ts";
import { compile, Workplace } from "./workplace.ts";

const scratch = mkdtempSync(join(tmpdir(), "mutants-"));
const groups = new Set<number>();
process.once("exit", () => {
  for (const group of groups) process.kill(-group, "SIGKILL");
  rmSync(scratch, { recursive: true, force: true });
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

interface Run {
  readonly hasFailed: boolean;
  readonly isTimedOut: boolean;
  readonly output: string;
  readonly ms: number;
}

/** Runs one test file, to its end or to a limit; then all that it has started is ended too. */
function run(folder: string, test: string, limitMs: number): Promise<Run> {
  const preloads = [
    "--import",
    "./test/typescript.js",
    "--import",
    "./test/time-limit.js",
    "--require",
    "./test/quick-fetch.cjs",
  ];
  const env = { ...process.env, HOME: scratch, NODE_EXTRA_CA_CERTS: undefined };
  const child = spawn(process.execPath, [...preloads, "--test-reporter=tap", test], {
    cwd: folder,
    env,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const startedAt = performance.now();
  const { pid = 0 } = child;
  groups.add(pid);
  let output = "";
  let isTimedOut = false;
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  const timer = setTimeout(() => {
    isTimedOut = process.kill(-pid, "SIGKILL");
  }, limitMs);
  return new Promise((resolve) =>
    child.once("close", (code) => {
      clearTimeout(timer);
      groups.delete(pid);
      // What test/time-limit.js says of a test that hangs.
      isTimedOut ||= output.includes("not ended after");
      resolve({ hasFailed: code !== 0, isTimedOut, output, ms: performance.now() - startedAt });
    }),
  );
}

const limits = new Map<string, Promise<number>>();
/** How long a test file may take: several times what it takes here, now and unchanged. It must pass, or its failure would mean nothing. */
function limitOf(folder: string, test: string): Promise<number> {
  const limit =
    limits.get(test) ??
    run(folder, test, 180_000).then(({ hasFailed, output, ms }) => {
      if (hasFailed) throw new Error(`${test} fails without a mutant:\n${output}`);
      return 20_000 + 4 * ms;
    });
  limits.set(test, limit);
  return limit;
}

const counts = { killed: 0, survived: 0, "timed out": 0, "not in the source": 0, "not runnable": 0 };
function report(verdict: keyof typeof counts, what: string, detail: string): void {
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
      const testLimits: [string, number][] = [];
      for (const test of tests) testLimits.push([test, await limitOf(workplace.folder, test)]);
      workplace.change({ file, text }, made[index]);
      let verdict: keyof typeof counts = "survived";
      let detail = `${file}; tried: ${tests.join(", ")}`;
      for (const [test, limitMs] of testLimits) {
        const { hasFailed, isTimedOut, output, ms } = await run(workplace.folder, test, limitMs);
        if (!hasFailed) continue;
        const [title = output.trim()] =
          /(?<=^ *not ok \d+ - ).*$/m.exec(output) ?? output.match(/^not ended after .*/m) ?? [];
        verdict = isTimedOut
          ? "timed out"
          : /^ *(?:name: )?'?(?:Reference|Syntax)Error/m.test(output)
            ? "not runnable"
            : "killed";
        detail = `${(ms / 1000).toFixed(1)} s  ${test}: ${title}`;
        break;
      }
      workplace.change({ file, text: textOf(file) });
      report(verdict, what, detail);
    }
  }),
);
const summary = Object.entries(counts).filter(
  ([verdict, count]) => count > 0 || verdict === "survived" || verdict === "timed out",
);
console.log(`\n${wanted.length} mutants: ${summary.map(([verdict, count]) => `${count} ${verdict}`).join(", ")}`);
