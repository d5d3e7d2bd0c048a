import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { Fault } from "../fake-saas/faults.ts";
import type { CommandEnvironment, CommandResult } from "../helpers/command.ts";
import { filesUnder, scene, type Scene } from "../helpers/scene.ts";
import { signIn } from "../helpers/stored-session.ts";

/** Runs a command with --debug, and looks for secrets in what it says and in every file. */
type Watched = (line: string, more?: CommandEnvironment) => Promise<CommandResult>;

/** A service and a passphrase, and whatever runs is looked through for every secret that was issued. */
async function watchedScene(t: TestContext): Promise<Scene & { watched: Watched }> {
  const it = await scene(t, { deviceIntervalSeconds: 1 }, { SPEC_KITTY_PASSPHRASE: "correct horse battery staple" });
  const { saas, folder, here } = it;
  const assertClean = (text: string, where: string): void => {
    for (const [secret, kind] of [...saas.issued, ["correct horse battery staple", "the passphrase"] as const])
      assert.ok(!text.includes(secret), `${kind} in ${where}`);
  };
  const watched: Watched = async (line, more) => {
    const result = await here(`${line} --debug`, more);
    assertClean(result.stderr, `stderr of ${line}`);
    // A process of its own would know fewer secrets to replace: here none may have needed it.
    assert.doesNotMatch(result.stderr + result.stdout, /\[secret\]/, line);
    // Their answer is the token, on purpose.
    if (!/^auth (token|git-credential|exec-credential)/.test(line)) assertClean(result.stdout, `stdout of ${line}`);
    for (const [name, content] of filesUnder(folder)) assertClean(content.toString("latin1"), `${name} after ${line}`);
    return result;
  };
  return { ...it, watched };
}

const emit = `sync emit WPCreated --aggregate WP01 --payload {"wp_id":"WP01","title":"One","mission_slug":"login"}`;
const route = "--provider linear --project kitty";

test("S-005 no secret is in any output with --debug or in any file when a command sends something", async (t) => {
  const { saas, env, folder, watched: run } = await watchedScene(t);
  await signIn(saas, env);
  writeFileSync(join(folder, "spec.md"), "# Spec\n");
  const tracker = ["status", "push --items [1]", "search door", "bind --candidate cand_1"].map(
    (verb) => `tracker ${verb} ${route}`,
  );
  const queueing = [
    emit,
    `sync upload ${join(folder, "spec.md")} --project 6b0ed5a2-2a4c-4d83-9c3a-b5f0d4f7a111 --mission login`,
  ];
  const sending = [
    "sync status --check",
    `sync now --report ${join(folder, "report.json")}`,
    ...tracker,
    "api GET /api/v1/me",
    "api POST /api/v1/echo -d {} --include",
  ];
  for (const line of [...queueing, ...sending, "auth exec-credential"]) assert.equal((await run(line)).code, 0, line);
});

test("S-005 no secret is in any output with --debug or in any file when the service returns a failure", async (t) => {
  const { saas, env, watched: run } = await watchedScene(t);
  await signIn(saas, env);
  await run(emit);
  const sending = [
    ["/api/v1/sync/health/", "sync status --check"],
    ["/api/v1/events/batch/", "sync now"],
    ["/api/v1/tracker/push/", `tracker push --items [1] ${route}`],
    ["/api/v1/tracker/status/", `tracker status ${route}`],
    ["/api/v1/echo", "api POST /api/v1/echo -d {}"],
  ] as const;
  const faults: Fault[] = [
    { status: 500, body: "oops" },
    { status: 400, body: { error: "invalid_request" } },
    { reset: "after" },
    { malformed: true },
    { status: 401, body: { error: "access_token_expired" }, times: 2 },
  ];
  // Every path with two failures, every failure with two paths.
  for (const [index, [path, line]] of sending.entries()) {
    for (const fault of [faults[index], faults[(index + 2) % faults.length]]) {
      saas.faults.next(path, fault ?? {});
      await run(line);
      saas.faults.clear();
    }
  }
});

test("S-005 no secret is in any output with --debug or in any file at and after a login", async (t) => {
  const { saas, watched: run } = await watchedScene(t);
  assert.equal((await run("auth login")).code, 0);
  assert.ok(saas.issued.size >= 4);
  for (const line of [
    "auth status --json",
    "auth status --check",
    "auth token --json",
    "auth refresh",
    "auth whoami",
    "auth list",
    "auth team",
    "auth doctor",
    "sync status",
  ]) {
    assert.ok([0, 1].includes((await run(line)).code ?? -1), line);
  }
});

test("S-005 no secret is in any output with --debug or in any file when a login or a refresh fails", async (t) => {
  const { saas, watched: run } = await watchedScene(t);
  await run("auth login");
  // What fails says why, and still nothing else.
  await run("auth status", { SPEC_KITTY_PASSPHRASE: "another" });
  await run("auth login --storage cloud");
  const faults: Fault[] = [
    { status: 500, body: "oops" },
    { status: 400, body: { error: "invalid_request" } },
    { malformed: true },
    { reset: "after" },
    { edit: (answer) => ({ ...answer, token_type: "mac" }) },
    { edit: (answer) => ({ ...answer, expires_in: "x" }) },
  ];
  for (const fault of faults) {
    saas.faults.next("/oauth/token", fault);
    assert.notEqual((await run("auth login --force")).code, 0);
  }
  saas.faults.next("/oauth/token", { status: 400, body: { error: "invalid_client" } });
  assert.equal((await run("auth login --headless --force")).code, 1);
  saas.faults.next("/api/v1/me", { status: 500 });
  await run("auth login --force");
  saas.faults.next("/api/v1/logout", { status: 500 });
  assert.equal((await run("auth logout")).code, 0);
  await run("auth login");
  for (const id of saas.sessions.keys()) saas.revoke(id);
  assert.equal((await run("auth refresh")).code, 4);
});
