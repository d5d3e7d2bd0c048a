import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { localTime } from "../../src/base/duration.ts";
import { twoAccounts } from "../helpers/accounts.ts";
import { runCommand, type CommandResult } from "../helpers/command.ts";
import { runHere } from "../helpers/command-here.ts";
import { noTerminal, startOnTerminal } from "../helpers/pseudo-terminal.ts";
import { storedProfile } from "../helpers/stored-session.ts";

test("S-010 a link or a named pipe in place of the file shows nothing of its target, and no command waits for it", {
  skip: process.platform === "win32" && "no named pipes in folders there",
}, async (t) => {
  const { env, folder, project } = await twoAccounts(t);
  const whoami = (): Promise<CommandResult> => runCommand(t, ["auth", "whoami"], env, { cwd: project });
  const file = join(project, ".spec-kitty-profile");
  writeFileSync(join(folder, "one-word"), "hunter2\n");
  symlinkSync(join(folder, "one-word"), file);
  const ignored = {
    code: 0,
    signal: null,
    stdout: "alice@example.com\n",
    stderr: `warning: "${file}" does not contain the name of a profile, and has no effect\n`,
  };
  assert.deepEqual(await whoami(), ignored);
  unlinkSync(file);
  execFileSync("mkfifo", [file]);
  assert.deepEqual(await whoami(), ignored);
});

test("a choice with --here is that of the directory a process works in, and of those below it", async (t) => {
  const { env, folder, project, run } = await twoAccounts(t);
  const projects = join(folder, "projects");
  const { code, stdout } = await runCommand(t, ["auth", "switch", "work", "--here"], env, { cwd: projects });
  assert.deepEqual([code, stdout.replace(/: bob.*/, "")], [0, `✓ The active profile in ${projects} is "work"\n`]);
  assert.equal((await runCommand(t, ["auth", "whoami"], env, { cwd: project })).stdout, "bob@example.com\n");
  assert.equal((await run("auth whoami")).stdout, "alice@example.com\n");
});

test("auth list shows every account, its service, and which one is active", async (t) => {
  const { saas, run, here, inProject, env } = await twoAccounts(t);
  await here("auth logout --profile work --keep-profile");
  const { ended } = (await storedProfile(env, "work")) ?? {};
  assert.ok(ended);
  const endedAt = new Date(ended.endedAt).toISOString();
  assert.equal(
    (await run("auth list")).stdout,
    `   PROFILE  USER                               SERVICE${" ".repeat(saas.url.length - 7)}  STATE
*  default  alice@example.com (Alice's space)  ${saas.url}  logged in
   work     bob@example.com                    ${saas.url}  logged out, ${localTime(ended.endedAt)}\n`,
  );
  const { user, issuedAt } = ended;
  const last = { user, reason: "logout", endedAt, by: "auth logout", refreshedAt: new Date(issuedAt).toISOString() };
  assert.deepEqual(JSON.parse((await here("auth list --json")).stdout), {
    profiles: [
      {
        profile: "default",
        service: saas.url,
        user: { id: "u_alice", email: "alice@example.com", name: "Alice" },
        active: true,
        authenticated: true,
      },
      { profile: "work", service: saas.url, user, active: false, authenticated: false, ended: last },
    ],
  });
  assert.match(
    (await inProject("auth list", { ...env, SPEC_KITTY_PROFILE: "work" })).stderr,
    /^In use here: "work" \(SPEC_KITTY_PROFILE\)\.$/m,
  );
});

test("auth switch makes another account the active one, and warns when something takes precedence over it", async (t) => {
  const { saas, env, run, here, inProject } = await twoAccounts(t);
  const { code, stdout, stderr } = await run("auth switch work");
  assert.deepEqual(
    [code, stdout, stderr],
    [0, `✓ The active profile is "work": bob@example.com (Bolt Ltd), ${saas.url}.\n`, ""],
  );
  assert.equal((await here("auth whoami")).stdout, "bob@example.com\n");
  assert.deepEqual(JSON.parse((await here("auth switch default --json")).stdout), { active: "default" });
  assert.match(
    (await inProject("auth switch default", { SPEC_KITTY_PROFILE: "work" })).stderr,
    /^warning: "work" is still in use here \(SPEC_KITTY_PROFILE\)$/m,
  );
  assert.match(
    (await inProject("auth switch default", { SPEC_KITTY_ACCESS_TOKEN: "t" })).stderr,
    /^warning: SPEC_KITTY_ACCESS_TOKEN is set, and takes precedence over every profile$/m,
  );
  const impossible = await runHere(["auth", "switch", "no body"], env);
  assert.equal(
    impossible.stderr,
    'error: there is no profile "no body"\nhint: Use one of: default, work. To create one: spec-kitty auth login --profile NAME\n',
    "a name that a login would refuse is not advised",
  );
  const wrong = await here("auth switch nobody");
  assert.equal(wrong.code, 4);
  assert.match(wrong.stderr, /^error: there is no profile "nobody"\nhint: Use one of: default, work\./);
});

test("auth switch without a name prompts on a terminal, and takes a number or a name", {
  skip: noTerminal,
}, async (t) => {
  const { env, here } = await twoAccounts(t);
  for (const [typed, expected] of [
    ["2\n", "bob@example.com\n"],
    ["default\n", "alice@example.com\n"],
  ] as const) {
    const running = startOnTerminal(t, ["auth", "switch"], env);
    await running.shows(/ 2 {2}work +\S+[^]*Which one, by number or name\? /);
    running.type(typed);
    assert.equal((await running.ended).code, 0);
    assert.equal((await here("auth whoami")).stdout, expected);
  }
  const again = startOnTerminal(t, ["auth", "switch"], env);
  await again.shows(/Which one, by number or name\? /);
  again.type("3\n");
  await again.shows(/"3" is not in the list[^]*Which one, by number or name\? /);
  again.type("2\n");
  assert.equal((await again.ended).code, 0);
  assert.equal((await here("auth switch default")).code, 0);
  for (const [typed, code] of [
    ["\n", 130],
    ["\u0003", 130],
    ["\u0004", 130],
  ] as const) {
    const running = startOnTerminal(t, ["auth", "switch"], env);
    await running.shows(/Which one, by number or name\? /);
    running.type(typed);
    assert.equal((await running.ended).code, code, JSON.stringify(typed));
  }
  assert.equal((await here("auth whoami")).stdout, "alice@example.com\n");
});
