import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { createApp } from "../../src/app/app.ts";
import { denyingBrowser } from "../fake-saas/browser.ts";
import { startFakeSaas } from "../fake-saas/server.ts";
import { runCommand, type CommandEnvironment, type CommandResult } from "../helpers/command.ts";
import { noTerminal, startOnTerminal } from "../helpers/pseudo-terminal.ts";
import { scene, type Scene } from "../helpers/scene.ts";
import { signIn, storedSession } from "../helpers/stored-session.ts";

type Here = Omit<Scene, "here"> & { project: string; here(args: string, more?: CommandEnvironment, cwd?: string): Promise<CommandResult> };

/** Two accounts, alice's under the name default and bob's under work, and a folder to work in. */
async function twoAccounts(t: TestContext): Promise<Here> {
  const found = await scene(t, { privateTeamspace: true });
  const project = join(found.folder, "projects", "one");
  mkdirSync(project, { recursive: true });
  await signIn(found.saas, found.env);
  await signIn(found.saas, found.env, { user: "bob", profile: "work" });
  const here: Here["here"] = (args, more = {}, cwd = project) => runCommand(t, args.split(" "), { ...found.env, ...more }, { cwd });
  return { ...found, project, here };
}

test("the option takes precedence over the variable, that over the folder's choice, that over the active profile; status says which", async (t) => {
  const { folder, project, run, here } = await twoAccounts(t);
  await run("auth login --profile other");
  const chosen = async (args = "", more: CommandEnvironment = {}): Promise<string | undefined> => {
    const { stdout } = await here(`auth status${args}`, more);
    const asJson = JSON.parse((await here(`auth status --json${args}`, more)).stdout) as { profile: string; profileSource: string };
    const said = /^ {2}Profile +(.*)$/m.exec(stdout)?.[1];
    assert.equal(said, `${asJson.profile} (${asJson.profileSource})`);
    return said;
  };
  const projects = join(folder, "projects");
  assert.equal(await chosen(), "default (active)");
  const agreed = await here("auth switch work --here", {}, projects);
  assert.equal(agreed.stdout.replace(/: bob.*/, ""), `✓ The active profile in ${projects} is "work"\n`);
  assert.equal(await chosen(), `work (--here in ${projects})`, "a folder above the working one");
  assert.deepEqual(JSON.parse((await here("auth switch other --here --json")).stdout), { active: "other", folder: project });
  assert.equal(await chosen(), `other (--here in ${project})`, "the nearest folder");
  assert.equal(await chosen("", { SPEC_KITTY_PROFILE: "default" }), "default (SPEC_KITTY_PROFILE)");
  assert.equal(await chosen(" --profile work", { SPEC_KITTY_PROFILE: "default" }), "work (--profile)");
  symlinkSync(project, join(folder, "link"));
  assert.equal((await here("auth status --json", {}, join(folder, "link"))).stdout, (await here("auth status --json")).stdout, "the real path counts");
  assert.equal((await run("auth whoami")).stdout, "alice@example.com\n", "elsewhere nothing has changed");
  assert.match((await here("auth list")).stderr, new RegExp(`^Here, "other" is used, because of --here in ${project}\\.$`, "m"));
  assert.match((await here("auth switch work")).stderr, new RegExp(`^warning: here, "other" is still used, because of --here in ${project}$`, "m"));
});

test("a profile that was chosen for a folder and is gone is an error, and no other account is used", async (t) => {
  const { env, project, here } = await twoAccounts(t);
  await here("auth switch work --here");
  await createApp({ env }).store.update((stored) => ({ ...stored, profiles: new Map([...stored.profiles].filter(([name]) => name !== "work")) }));
  for (const command of ["auth status", "auth whoami", "auth token", "auth logout", "auth exec-credential", "auth git-credential erase"]) {
    const { code, stdout, stderr } = await here(command);
    assert.deepEqual([command.includes("git") ? 4 : code, stdout], [4, ""], command);
    assert.match(stderr, command.includes("git") ? /^$/ : /profile "work"/, command);
  }
  assert.match((await here("auth whoami")).stderr, new RegExp(`^error: there is no profile "work", which --here in ${project} names\nhint: Known: default\\. [^\n]* To choose another here: spec-kitty auth switch --here\n$`));
  assert.equal((await here("auth switch default --here")).code, 0);
  assert.equal((await here("auth whoami")).stdout, "alice@example.com\n");
});

test("S-010 a file that came with a folder decides nothing: whose token is printed, sent, refreshed or ended is as without it", async (t) => {
  const { saas, env, project, here, run } = await twoAccounts(t);
  const other = await startFakeSaas();
  t.after(() => other.close());
  writeFileSync(join(project, ".spec-kitty-profile"), "work\n");
  const token = (await storedSession(env))?.accessToken.reveal();
  assert.equal((await here("auth token")).stdout, `${token}\n`);
  assert.equal((await here("auth whoami")).stdout, "alice@example.com\n");
  assert.equal((JSON.parse((await here("auth exec-credential")).stdout) as { status: { token: string } }).status.token, token);
  assert.match((await here("api GET /api/v1/me")).stdout, /alice@example\.com/);
  assert.equal((await here("auth login --force")).code, 0, "default is logged in again, not work");
  assert.equal((await here("auth login --yes", { SPEC_KITTY_SAAS_URL: other.url })).code, 0);
  assert.match((await run("auth list")).stdout, new RegExp(`work +bob@example.com \\(Bolt Ltd\\) +${saas.url} +logged in`), "and work is not bound to another service");
  assert.equal((await here("auth logout --force")).code, 0);
  assert.equal((await run("auth whoami --profile work")).stdout, "bob@example.com\n", "nor logged out");
});

test("a file that suggests a profile is a hint with the command to agree, until the user has chosen", async (t) => {
  const { project, here } = await twoAccounts(t);
  const file = join(project, ".spec-kitty-profile");
  writeFileSync(file, "work\n");
  const suggestion = `hint: "${file}" suggests the profile "work"; "default" is used. To agree: `;
  assert.equal((await here("auth whoami")).stderr, `${suggestion}spec-kitty auth switch work --here\n`);
  const below = join(project, "it's below");
  mkdirSync(below);
  assert.equal((await here("auth whoami", {}, below)).stderr, `${suggestion}cd ${project}, then spec-kitty auth switch work --here\n`);
  for (const args of ["auth whoami --profile default", "auth list", "auth switch default"]) assert.equal((await here(args)).stderr, "", args);
  assert.equal((await here("auth whoami", { SPEC_KITTY_PROFILE: "default" })).stderr, "");
  await here("auth switch work --here");
  assert.deepEqual(await here("auth whoami", {}, below), { code: 0, signal: null, stdout: "bob@example.com\n", stderr: "" });
  await here("auth switch default --here");
  assert.deepEqual(await here("auth whoami"), { code: 0, signal: null, stdout: "alice@example.com\n", stderr: "" }, "the user said no");
});

test("S-010 a file that does not name one of the user's profiles is ignored, with a warning that does not quote an invalid name", async (t) => {
  const { project, here } = await twoAccounts(t);
  const file = join(project, ".spec-kitty-profile");
  for (const text of ["", "no such\n", "https://elsewhere.example\n", "-x", "\u001b[2J", `${"a".repeat(65)}`, "x".repeat(5000)]) {
    writeFileSync(file, text);
    assert.deepEqual(await here("auth whoami"), { code: 0, signal: null, stdout: "alice@example.com\n", stderr: `warning: "${file}" does not hold the name of a profile, and is ignored\n` }, text);
  }
  writeFileSync(file, "theirs\n");
  assert.equal((await here("auth whoami")).stderr, `warning: "${file}" suggests the profile "theirs", which does not exist: "default" is used\n`);
});

test("S-010 a link or a named pipe in place of the file shows nothing of its target, and nobody waits for it", { skip: process.platform === "win32" && "no named pipes in folders there" }, async (t) => {
  const { folder, project, here } = await twoAccounts(t);
  const file = join(project, ".spec-kitty-profile");
  writeFileSync(join(folder, "one-word"), "hunter2\n");
  symlinkSync(join(folder, "one-word"), file);
  const ignored = { code: 0, signal: null, stdout: "alice@example.com\n", stderr: `warning: "${file}" does not hold the name of a profile, and is ignored\n` };
  assert.deepEqual(await here("auth whoami"), ignored);
  unlinkSync(file);
  execFileSync("mkfifo", [file]);
  assert.deepEqual(await here("auth whoami"), ignored);
});

test("a profile that does not exist is an error for every command but login, with a list of those that do", async (t) => {
  const { here } = await twoAccounts(t);
  for (const command of ["auth status", "auth whoami", "auth token", "auth refresh", "auth team", "auth logout", "auth status --check", "auth exec-credential", "api GET /api/v1/me"]) {
    const { code, stdout, stderr } = await here(`${command} --profile wrok`);
    assert.deepEqual([code, stdout], [4, ""], command);
    assert.match(stderr, /^error: there is no profile "wrok"/, command);
    assert.match(stderr, /^hint: Known: default, work\. To create it: spec-kitty auth login --profile wrok$/m, command);
  }
  assert.equal((await here("auth list")).stdout.match(/logged in/g)?.length, 2, "nobody was logged out");
});

test("auth list shows every account, its service, and which one is active", async (t) => {
  const { saas, run, here, env } = await twoAccounts(t);
  await run("auth logout --profile work --keep-profile");
  assert.equal(
    (await run("auth list")).stdout,
    `   PROFILE  USER                               SERVICE${" ".repeat(saas.url.length - 7)}  STATE
*  default  alice@example.com (Alice's space)  ${saas.url}  logged in
   work                                        ${saas.url}  logged out\n`,
  );
  assert.deepEqual(JSON.parse((await run("auth list --json")).stdout), {
    profiles: [
      { profile: "default", service: saas.url, user: { id: "u_alice", email: "alice@example.com", name: "Alice" }, active: true, authenticated: true },
      { profile: "work", service: saas.url, active: false, authenticated: false },
    ],
  });
  assert.match((await here("auth list", { ...env, SPEC_KITTY_PROFILE: "work" })).stderr, /^Here, "work" is used, because of SPEC_KITTY_PROFILE\.$/m);
});

test("auth list before the first login says so and is not a failure", async (t) => {
  const { run } = await scene(t);
  const { code, stdout, stderr } = await run("auth list");
  assert.deepEqual([code, stdout, stderr], [0, "No account has logged in here yet.\n", "hint: Run: spec-kitty auth login\n"]);
  assert.deepEqual(JSON.parse((await run("auth list --json")).stdout), { profiles: [] });
});

test("auth switch makes another account the active one, and warns when something takes precedence over it", async (t) => {
  const { saas, env, run, here } = await twoAccounts(t);
  const { code, stdout, stderr } = await run("auth switch work");
  assert.deepEqual([code, stdout, stderr], [0, `✓ The active profile is "work": bob@example.com (Bolt Ltd), ${saas.url}.\n`, ""]);
  assert.equal((await run("auth whoami")).stdout, "bob@example.com\n");
  assert.deepEqual(JSON.parse((await run("auth switch default --json")).stdout), { active: "default" });
  assert.match((await here("auth switch default", { SPEC_KITTY_PROFILE: "work" })).stderr, /^warning: here, "work" is still used, because of SPEC_KITTY_PROFILE$/m);
  assert.match((await here("auth switch default", { SPEC_KITTY_ACCESS_TOKEN: "t" })).stderr, /^warning: the token in SPEC_KITTY_ACCESS_TOKEN takes precedence over every profile$/m);
  const impossible = await runCommand(t, ["auth", "switch", "no body"], env);
  assert.equal(impossible.stderr, 'error: there is no profile "no body"\nhint: Known: default, work. To create one: spec-kitty auth login --profile NAME\n', "a name that a login would refuse is not advised");
  const wrong = await run("auth switch nobody");
  assert.equal(wrong.code, 4);
  assert.match(wrong.stderr, /^error: there is no profile "nobody"\nhint: Known: default, work\./);
});

test("auth switch without a name lists the names if there is no terminal", async (t) => {
  const { run } = await twoAccounts(t);
  const { code, stderr } = await run("auth switch");
  assert.equal(code, 2);
  assert.match(stderr, /^error: no profile was named, and there is no terminal to ask on\nhint: Run: spec-kitty auth switch PROFILE, with one of: default, work\n$/);
});

test("auth switch does not ask where there is nothing to choose from", async (t) => {
  const { saas, env, run } = await scene(t);
  await signIn(saas, env, { profile: "work" });
  const { code, stdout, stderr } = await run("auth switch");
  assert.deepEqual([code, stdout, stderr], [0, `✓ The active profile is "work": alice@example.com (Acme Corp), ${saas.url}.\n`, ""]);
});

test("auth switch without a name asks on a terminal, and takes a number or a name", { skip: noTerminal }, async (t) => {
  const { env, run } = await twoAccounts(t);
  for (const [typed, expected] of [["2\n", "bob@example.com\n"], ["default\n", "alice@example.com\n"]] as const) {
    const running = startOnTerminal(t, ["auth", "switch"], env);
    await running.shows(/ 2 {2}work +\S+[^]*Which one, by number or name\? /);
    running.type(typed);
    assert.equal((await running.ended).code, 0);
    assert.equal((await run("auth whoami")).stdout, expected);
  }
  const again = startOnTerminal(t, ["auth", "switch"], env);
  await again.shows(/Which one, by number or name\? /);
  again.type("3\n");
  await again.shows(/"3" is none of them[^]*Which one, by number or name\? /);
  again.type("2\n");
  assert.equal((await again.ended).code, 0);
  assert.equal((await run("auth switch default")).code, 0);
  for (const [typed, code] of [["\n", 130], ["\u0003", 130], ["\u0004", 130]] as const) {
    const running = startOnTerminal(t, ["auth", "switch"], env);
    await running.shows(/Which one, by number or name\? /);
    running.type(typed);
    assert.equal((await running.ended).code, code, JSON.stringify(typed));
  }
  assert.equal((await run("auth whoami")).stdout, "alice@example.com\n");
});

test("auth team shows the default team and sets another by id or name, which a refresh and the next login keep", async (t) => {
  const { saas, run, here } = await twoAccounts(t);
  assert.equal((await run("auth team")).stdout, "Alice's space (tm_alice)\n");
  assert.equal((await run("auth team tm_acme")).stdout, "✓ The default team is Acme Corp (tm_acme).\n");
  assert.equal((await here("auth team")).stdout, "Acme Corp (tm_acme)\n");
  await run("auth refresh");
  await run("auth login --force");
  assert.match((await run("auth status")).stdout, /^ {2}Default team +Acme Corp \(tm_acme\)$/m);
  const byName = await runCommand(t, ["auth", "team", "ALICE'S SPACE", "--json"], (await scene(t)).env);
  assert.equal(byName.code, 4, "not logged in there");
  saas.users.alice.teams.push({ id: "tm_acme2", name: "Acme Corp" });
  const unknown = await run("auth team tm_acme2");
  assert.equal(unknown.code, 2);
  assert.match(unknown.stderr, /^error: you are not in a team "tm_acme2"\nhint: Your teams: Acme Corp \(tm_acme\), Alice's space \(tm_alice\)\. If it is a new one, first run: spec-kitty auth status --check\n$/);
  await run("auth status --check");
  assert.equal((await run("auth team tm_acme2")).code, 0);
});

test("auth team takes a name in any case, and an id if two teams have the same name", async (t) => {
  const { saas, env, run } = await scene(t);
  saas.users.alice.teams.push({ id: "tm_two", name: "Acme Corp" }, { id: "tm_low", name: "zeta" });
  await run("auth login");
  assert.equal((await run("auth team ZETA")).stdout, "✓ The default team is zeta (tm_low).\n");
  const twice = await runCommand(t, ["auth", "team", "Acme Corp"], env);
  assert.equal(twice.code, 2);
  assert.match(twice.stderr, /^error: "Acme Corp" is the name of 2 of your teams\nhint: Give the id of one of them: Acme Corp \(tm_acme\), Acme Corp \(tm_two\)\n$/);
  assert.equal((await run("auth team tm_two")).stdout, "✓ The default team is Acme Corp (tm_two).\n");
});

test("a token in the environment is shown as one, takes precedence over every profile, and the service is asked for its user", async (t) => {
  const { saas, here, project } = await twoAccounts(t);
  const token = saas.issue({ user: "bob" }).access_token;
  const sent = saas.requests.length;
  const { code, stdout, stderr } = await here("auth status", { SPEC_KITTY_ACCESS_TOKEN: token });
  assert.equal(code, 0);
  assert.match(stdout, /^✓ A token from SPEC_KITTY_ACCESS_TOKEN is used$/m);
  assert.match(stdout, /^ {2}Access token +from SPEC_KITTY_ACCESS_TOKEN, used as is: it takes precedence over every login/m);
  assert.match(stdout, /^ {2}Profile +default \(active\); its own session is not used$/m);
  assert.ok(!(stdout + stderr).includes(token) && !stdout.includes("alice"));
  const asJson = JSON.parse((await here("auth status --json", { SPEC_KITTY_ACCESS_TOKEN: token })).stdout) as Record<string, unknown>;
  assert.deepEqual(
    { ...asJson, storage: 0 },
    { authenticated: true, checked: false, profile: "default", profileSource: "active", tokenSource: "SPEC_KITTY_ACCESS_TOKEN", service: saas.url, storage: 0 },
  );
  assert.equal(saas.requests.length, sent, "nobody was asked");

  assert.match((await here("auth status --check", { SPEC_KITTY_ACCESS_TOKEN: token })).stdout, /^ {2}User +bob@example\.com, Bob$/m);
  assert.equal((await here("auth whoami", { SPEC_KITTY_ACCESS_TOKEN: token })).stdout, "bob@example.com\n");
  writeFileSync(join(project, ".spec-kitty-profile"), "theirs\n");
  assert.deepEqual(await here("auth whoami", { SPEC_KITTY_ACCESS_TOKEN: token }), { code: 0, signal: null, stdout: "bob@example.com\n", stderr: "" }, "it needs no profile");
  const refused = await here("auth status --check", { SPEC_KITTY_ACCESS_TOKEN: "at_wrong" });
  assert.equal(refused.code, 4);
  assert.match(refused.stderr, /^error: the service refuses the access token from the environment\nhint: .*unset SPEC_KITTY_ACCESS_TOKEN\n$/);
});

test("S-001 each of two accounts is asked about at its own service", async (t) => {
  const { saas, here, run } = await twoAccounts(t);
  const elsewhere = await startFakeSaas();
  t.after(() => elsewhere.close());
  assert.equal((await run("auth login --profile there", { SPEC_KITTY_SAAS_URL: elsewhere.url })).code, 0);
  const sent = saas.requests.length;
  const { code, stdout } = await here("auth status --check --profile there", { SPEC_KITTY_SAAS_URL: undefined });
  assert.equal(code, 0);
  assert.match(stdout, new RegExp(`^ {2}Service +${elsewhere.url} \\(asked just now\\)$`, "m"));
  assert.equal(saas.requests.length, sent);
  assert.equal((await run("auth status --check --profile there")).code, 4, "the environment means another service");
  assert.equal(saas.requests.length, sent);
});

test("the hint to log in names the profile that the command was about", async (t) => {
  const { run, saas } = await twoAccounts(t);
  const login = "spec-kitty auth login --profile work";
  const commands = ["auth token", "auth status", "auth whoami", "auth refresh", "api GET /api/v1/me", "tracker status --provider github --project p", "sync now", "sync watch"];
  for (const session of saas.sessions.keys()) saas.revoke(session);
  const ended = await run("api GET /api/v1/me --profile work");
  assert.deepEqual([ended.code, ended.stderr], [4, `error: Session expired or revoked\nhint: Run: ${login}\n`]);
  for (const command of commands) {
    const { code, stderr } = await run(`${command} --profile work`);
    assert.equal(code, 4, command);
    assert.ok(stderr.endsWith(`hint: Run: ${login}\n`), `${command}: ${stderr}`);
  }
  assert.equal((await run("auth login --profile work")).code, 0);
  assert.match((await run("auth login --profile work")).stdout, /To log in again: spec-kitty auth login --profile work --force\n$/);
});

test("the hint of a failed login, or of a refused token, names the profile that the command was about", async (t) => {
  const { run, saas } = await twoAccounts(t);
  const login = "spec-kitty auth login --profile work";
  assert.match((await run("auth login --force --profile work", { BROWSER: denyingBrowser })).stderr, new RegExp(`\\nhint: [^\\n]*${login}( |$)`, "m"));
  saas.faults.always("/api/v1/tracker/status/", { status: 401 });
  saas.faults.always("/api/v1/me", { status: 401 });
  for (const [command, hint] of [["tracker status --provider github --project p", login], ["auth status --check", `${login} --force`]]) {
    const { code, stderr } = await run(`${command} --profile work`);
    assert.deepEqual([code, stderr.split("\n").at(-2)], [4, `hint: Run: ${hint}`]);
  }
});
