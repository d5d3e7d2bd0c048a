import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { type BrowserOutcome, openBrowser } from "../../src/platform/browser.ts";
import { type Clock, systemClock } from "../../src/platform/clock.ts";
import { until } from "../helpers/until.ts";

const address = "https://login.example.com/a?x=1&y=2";

const refused = [
  "file:///etc/passwd",
  "javascript:alert(1)",
  "data:text/html,x",
  "ms-msdt:/id",
  "http://login.example.com/",
  "http://127.0.0.1.evil.example/",
  "http://localhost.evil.example/",
  "http://0.0.0.0/",
  "ftp://login.example.com/",
  "--version",
  "/usr/bin/id",
  "",
];
for (const text of refused) {
  test(`S-007 "${text}" is not opened`, async (t) => {
    const { open, opened } = await desktop(t, {});
    await assert.rejects(open(text), { name: "AuthError", code: "service_answer_invalid" });
    assert.deepEqual(await opened(), []);
  });
}

for (const text of [
  "https://login.example.com/$(touch%20x)?a=1&b=`id`;c|d>e&x=%22'\"\\ \n--",
  "http://127.0.0.1:28888/x",
  "http://[::1]:1/",
  "http://localhost:8080/",
]) {
  test(`S-007 ${JSON.stringify(text)} is opened as one argument that no shell has seen`, async (t) => {
    const { open, opened } = await desktop(t, { "xdg-open": "exit 0" });
    assert.deepEqual(await open(text), { launched: "xdg-open" });
    assert.deepEqual(await opened(), [`xdg-open [${new URL(text).href}]`]);
  });
}

test("S-009 where others must not read the URL, no program is started with it in its command line", async (t) => {
  const { open, folder, opened } = await desktop(t, { "my browser": "exit 0", "xdg-open": "exit 0" });
  const outcome = await open(address, { BROWSER: join(folder, "my browser") }, false);
  assert.match("failed" in outcome ? outcome.failed : "", /its command line would show the URL to other users/);
  assert.deepEqual(await opened(), []);
});

test("a launcher that is missing or fails is followed by the next", async (t) => {
  const { open, opened } = await desktop(t, { "xdg-open": "exit 3", wslview: "exit 0" });
  assert.deepEqual(await open(address), { launched: "wslview" });
  assert.deepEqual(await opened(), [`xdg-open [${address}]`, `wslview [${address}]`]);
});

test("BROWSER is tried before the system's own browsers, and a path with blanks in it is one program", async (t) => {
  const { open, folder, opened } = await desktop(t, { "my browser": "exit 0", "xdg-open": "exit 0" });
  assert.deepEqual(await open(address, { BROWSER: join(folder, "my browser") }), {
    launched: join(folder, "my browser"),
  });
  assert.deepEqual(await opened(), [`my browser [${address}]`]);
});

test("when nothing works the outcome says what each launcher said, without the URL", async (t) => {
  const { open, folder } = await desktop(t, { "xdg-open": "exit 3", gio: "kill -9 $$" });
  const unusable = join(folder, "xdg-open", "below-a-file");
  const outcome = await open(address, { BROWSER: `${unusable}:${folder}` });
  assert.ok("failed" in outcome);
  assert.match(
    outcome.failed,
    /below-a-file: not found; .*: not found; xdg-open: ended with 3; gio: ended with SIGKILL; wslview: not found$/,
  );
  assert.doesNotMatch(outcome.failed, /login\.example\.com/);
});

test("a browser that keeps running counts as launched, and is not waited for", async (t) => {
  let started = async (): Promise<boolean> => false;
  const untilStarted = async (): Promise<void> => void (await until("the launcher is started", started));
  const { open, opened } = await desktop(
    t,
    { "xdg-open": "exec /bin/sleep 2" },
    { ...systemClock, sleep: untilStarted },
  );
  started = async () => (await opened()).length > 0;
  assert.deepEqual(await open(address), { launched: "xdg-open" });
});

/** Launchers that record their arguments, as the only PATH. */
async function desktop(
  t: TestContext,
  programs: Record<string, string>,
  clock: Clock = { ...systemClock, sleep: (_, options = {}) => systemClock.sleep(30_000, options) },
): Promise<{
  folder: string;
  open: (text: string, env?: Record<string, string>, mayBeRead?: boolean) => Promise<BrowserOutcome>;
  opened: () => Promise<string[]>;
}> {
  const folder = await mkdtemp(join(tmpdir(), "browser-"));
  const log = join(folder, "log");
  await writeFile(log, "");
  t.after(() => rm(folder, { recursive: true, force: true }));
  for (const [name, ending] of Object.entries(programs)) {
    const script = `#!/bin/sh\n{ printf '%s' '${name}'; printf ' [%s]' "$@"; echo; } >>'${log}'\n${ending}\n`;
    await writeFile(join(folder, name), script, { mode: 0o755 });
  }
  const opened = async (): Promise<string[]> => (await readFile(log, "utf8")).split("\n").filter((line) => line !== "");
  return {
    folder,
    open: (text, env = {}, mayBeRead = true) =>
      openBrowser(text, { env: { PATH: folder, ...env }, platform: "linux", clock, mayBeRead }),
    opened,
  };
}
