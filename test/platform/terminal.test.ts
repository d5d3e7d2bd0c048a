import assert from "node:assert/strict";
import { getEventListeners, once } from "node:events";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { terminalOf } from "../../src/platform/terminal.ts";

test("a question that is interrupted before it is asked, or while it waits, ends with the interruption", async () => {
  const reason = new Error("interrupted");
  const stderr = new PassThrough();
  const terminal = terminalOf({ stdin: new PassThrough(), stderr, mayAsk: true });
  await assert.rejects(terminal.ask("Sure? ", AbortSignal.abort(reason)), reason);
  assert.equal(stderr.read(), null, "what is not asked is not shown");
  const interrupted = new AbortController();
  const asked = terminal.ask("Sure? ", interrupted.signal);
  interrupted.abort(reason);
  await assert.rejects(asked, reason);
});

test("of two questions at once, the second is asked after the answer to the first", async () => {
  const [stdin, stderr] = [new PassThrough(), new PassThrough()];
  const terminals = [1, 2].map(() => terminalOf({ stdin, stderr, mayAsk: true }));
  const answers = terminals.map((terminal, index) => terminal.ask(`Question ${index}? `));
  await once(stderr, "readable");
  assert.equal(String(stderr.read()), "Question 0? ");
  stdin.write("yes\n");
  assert.equal(await answers[0], "yes");
  await once(stderr, "readable");
  assert.equal(String(stderr.read()), "Question 1? ");
  stdin.write("no\n");
  assert.equal(await answers[1], "no");
});

test("input that has ended or cannot be read answers no question, however often it is asked", async () => {
  for (const end of [
    (input: PassThrough) => input.end(),
    (input: PassThrough) => input.destroy(new Error("bad input")),
  ]) {
    const stdin = new PassThrough();
    const { ask } = terminalOf({ stdin, stderr: new PassThrough(), mayAsk: true });
    const first = ask("Sure? ");
    setImmediate(() => end(stdin));
    assert.deepEqual([await first, await ask("Sure? ")], [undefined, undefined]);
  }
});

test("questions leave no listeners behind", async () => {
  const stdin = new PassThrough();
  const { signal } = new AbortController();
  const { ask } = terminalOf({ stdin, stderr: new PassThrough(), mayAsk: true });
  for (let left = 12; left > 0; left -= 1) {
    const asked = ask("Sure? ", signal);
    setImmediate(() => stdin.write("what?\n"));
    assert.equal(await asked, "what?");
  }
  assert.deepEqual(
    ["end", "error", "data"].map((event) => stdin.listenerCount(event)),
    [0, 0, 0],
  );
  assert.equal(getEventListeners(signal, "abort").length, 0);
});
