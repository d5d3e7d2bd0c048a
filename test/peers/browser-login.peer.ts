// A login through real Chromium, through the real command. Needs the Debian package chromium, and a build.
import assert from "node:assert/strict";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { appeared, command, type Command } from "./command.ts";
import type { Run } from "./session.ts";

interface Seen {
  failure?: string;
  url: string;
  title: string;
  text: string;
  history: string[];
  referrer: string;
  console: string[];
  requests: string[];
}

async function login(
  t: TestContext,
  button: "Approve" | "Deny",
): Promise<Command & { login: Run; seen: Seen; screenshot: string }> {
  const home = await mkdtemp(join(tmpdir(), "spec-kitty-browser-"));
  t.after(() => rm(home, { recursive: true, force: true, maxRetries: 5 }));
  const record = join(home, "record.json");
  const screenshot = join(home, "outcome.png");
  const cli = await command(t, home, {
    PATH: process.env["PATH"],
    HOME: home,
    CHROMIUM: process.env["CHROMIUM"],
    BROWSER: fileURLToPath(new URL("chromium-user.js", import.meta.url)),
    CHROMIUM_USER_BUTTON: button,
    CHROMIUM_USER_RECORD: record,
    CHROMIUM_USER_SCREENSHOT: screenshot,
    SPEC_KITTY_STORAGE: "file",
  });
  // The command may end before its browser: the record is complete once it exists.
  const [run, recorded] = await Promise.all([cli.run("auth", "login"), appeared(record)]);
  const seen = JSON.parse(recorded) as Seen;
  assert.equal(seen.failure, undefined, run.stderr);
  return { ...cli, login: run, seen, screenshot };
}

/**
 * For every outcome page: nothing of the response stays in the tab, nothing was blocked, nothing came from elsewhere.
 */
function leavesNothing({ seen }: { seen: Seen }): void {
  const secret = /[?&#](code|state|error)=/;
  assert.doesNotMatch(seen.url, secret);
  for (const url of seen.history) if (!url.includes("/oauth/authorize")) assert.doesNotMatch(url, secret);
  assert.equal(
    seen.history.some((url) => url.includes("/callback?")),
    false,
    seen.history.join("\n"),
  );
  assert.equal(seen.referrer, "");
  assert.deepEqual(
    seen.console.filter((line) => /policy|refused|uncaught/i.test(line)),
    [],
  );
  for (const line of seen.requests) assert.match(line, /^(GET|POST) http:\/\/(127\.0\.0\.1|localhost):\d+\//);
}

test("FR-001 a login through Chromium succeeds, and the tab keeps neither code nor state", async (t) => {
  const result = await login(t, "Approve");
  assert.equal(result.login.code, 0, result.login.stderr);
  assert.match(result.login.stdout + result.login.stderr, /Logged in as alice@example\.com \(Acme Corp\)/);
  assert.match(result.seen.text, /alice@example\.com/);
  assert.ok((await stat(result.screenshot)).size > 1000);
  leavesNothing(result);
  assert.equal((await result.run("auth", "whoami")).stdout, "alice@example.com\n");
});

test("a login that is denied in Chromium ends with exit code 5, and the page says so", async (t) => {
  const result = await login(t, "Deny");
  assert.equal(result.login.code, 5, result.login.stderr);
  assert.match(result.seen.title, /denied/i);
  leavesNothing(result);
});
