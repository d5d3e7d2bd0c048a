// Gives every test a time limit: a defect that makes one hang fails its process, by the test's name, and the run goes on. So does an
// error that nobody catches: see preload.cjs.
// Node's own `--test-timeout` counts for a whole file on Node 20 and does not say which test hung.
import { afterEach, beforeEach, type TestContext } from "node:test";
import { inspect } from "node:util";
import { alarm } from "./helpers/until.ts";

// A hundred times what a test takes. What a test waits for has a limit of its own, which is much shorter: see `until`.
const limitMs = 60_000;
const alarms = new Map<unknown, () => void>();

beforeEach((t) => {
  const giveUp = (): void => {
    process.stderr.write(`not ended after ${limitMs / 1000} s: ${(t as TestContext).name}\n`);
    process.exit(1);
  };
  alarms.set(t, alarm(limitMs, giveUp, false));
});
afterEach((t) => {
  alarms.get(t)?.();
  alarms.delete(t);
});

/** Before the runner's own, which knows no test for it. */
function fail(error: unknown): void {
  const names = [...alarms.keys()].map((t) => (t as TestContext).name);
  process.stderr.write(`not caught in: ${names.join(", ")}\n${inspect(error)}\n`);
  process.exit(1);
}
process.prependListener("uncaughtException", fail);
process.prependListener("unhandledRejection", fail);
