import assert from "node:assert/strict";
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
