import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { runCommand, startCommand } from "../helpers/command.ts";
import { loggedInScene } from "../helpers/queue.ts";

const base = "/api/v1/tracker/";

test("FR-016 tracker status shows the tracker's response, a wrong option is exit 2, and a failure that may pass is exit 3", async (t) => {
  const { saas, run } = await loggedInScene(t);
  const call = "tracker status --provider linear --project kitty";
  assert.deepEqual(await run(call), {
    code: 0,
    signal: null,
    stdout: "  provider   linear\n  connected  true\n",
    stderr: "",
  });
  const [request] = saas.requests;
  assert.deepEqual(
    [`${request?.method} ${request?.path}`, request?.headers["x-team-slug"]],
    [`GET ${base}status/`, "tm_acme"],
  );
  const wrong = await run("tracker status --project kitty");
  assert.deepEqual([wrong.code, wrong.stdout], [2, ""]);
  assert.match(wrong.stderr, /^error: --provider is required\nhint: .+\n$/);
  assert.equal(saas.requests.length, 1);
  saas.faults.next(`${base}status/`, { status: 502, body: { message: "linear is down", retryable: true } });
  assert.deepEqual(await run(call), {
    code: 3,
    signal: null,
    stdout: "",
    stderr: "error: linear is down\nhint: Try again in a moment\n",
  });
});

test("items come from the command line, a file or standard input", async (t) => {
  const at = await loggedInScene(t);
  const typed = (args: string, input: string): ReturnType<typeof runCommand> =>
    runCommand(t, args.split(" "), at.env, { input });
  const file = join(at.folder, "items.json");
  writeFileSync(file, '[{"id":"file"}]');
  assert.equal((await at.here(`tracker push --provider linear --project kitty --items @${file}`)).code, 0);
  assert.equal((await typed("tracker push --provider linear --project kitty -d @-", '[{"id":"input"}]')).code, 0);
  assert.deepEqual(at.saas.tracker.pushed, [{ id: "file" }, { id: "input" }]);
  assert.equal((await typed("tracker pull --provider linear --project kitty --filters @-", '{"a":"b"}')).code, 0);
  assert.deepEqual((JSON.parse(at.saas.requests.at(-1)?.body ?? "") as { filters: unknown }).filters, { a: "b" });
});

test("Ctrl-C ends the wait for an operation at once", async (t) => {
  const at = await loggedInScene(t);
  at.saas.tracker.asynchronous.set("run", { polls: Infinity });
  const running = startCommand(t, ["tracker", "run", "--provider", "linear", "--project", "kitty"], at.env);
  await at.saas.until(() => at.saas.requests.some(({ path }) => path.includes("/operations/")));
  running.child.kill("SIGINT");
  const { code, stdout } = await running.ended;
  assert.deepEqual([code, stdout], [130, ""]);
});
