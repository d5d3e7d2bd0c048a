// Gives every test a time limit: a defect that makes one hang fails that test's file, by the test's name, and the run goes on.
// Node's own `--test-timeout` counts for a whole file on Node 20 and does not say which test hung.
import { afterEach, beforeEach } from "node:test";

// A hundred times what a test takes; only a test that hangs reaches it, also on a busy machine.
const limitMs = 60_000;
const timers = new Map();

beforeEach((t) => {
  const giveUp = () => {
    process.stderr.write(`not ended after ${limitMs / 1000} s: ${t.name}\n`);
    process.exit(1);
  };
  timers.set(t, setTimeout(giveUp, limitMs).unref());
});
afterEach((t) => {
  clearTimeout(timers.get(t));
  timers.delete(t);
});
