import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createApp } from "../../src/app/create-app.ts";
import { denyingBrowser } from "../fake-saas/browser.ts";
import { startFakeSaas } from "../fake-saas/server.ts";
import { twoAccounts } from "../helpers/accounts.ts";
import { runCommand, type CommandEnvironment } from "../helpers/command.ts";
import { withInput } from "../helpers/command-here.ts";
import { storedSession } from "../helpers/stored-session.ts";

test("the option takes precedence over the variable, that over the directory's choice, that over the active profile; status says which", async (t) => {
  const { folder, project, here, inProject } = await twoAccounts(t);
  await here("auth login --profile other");
  const chosen = async (args = "", more: CommandEnvironment = {}): Promise<string | undefined> => {
    const { stdout } = await inProject(`auth status${args}`, more);
    const asJson = JSON.parse((await inProject(`auth status --json${args}`, more)).stdout) as {
      profile: string;
      profileSource: string;
    };
    const said = /^ {2}Profile +(.*)$/m.exec(stdout)?.[1];
    assert.equal(said, `${asJson.profile} (${asJson.profileSource})`);
    return said;
  };
  const projects = join(folder, "projects");
  assert.equal(await chosen(), "default (active)");
  const agreed = await inProject("auth switch work --here", {}, projects);
  assert.equal(agreed.stdout.replace(/: bob.*/, ""), `✓ The active profile in ${projects} is "work"\n`);
  assert.equal(await chosen(), `work (--here in ${projects})`, "a folder above the working one");
  assert.deepEqual(JSON.parse((await inProject("auth switch other --here --json")).stdout), {
    active: "other",
    folder: project,
  });
  assert.equal(await chosen(), `other (--here in ${project})`, "the nearest folder");
  assert.equal(await chosen("", { SPEC_KITTY_PROFILE: "default" }), "default (SPEC_KITTY_PROFILE)");
  assert.equal(await chosen(" --profile work", { SPEC_KITTY_PROFILE: "default" }), "work (--profile)");
  symlinkSync(project, join(folder, "link"));
  assert.equal(
    (await inProject("auth status --json", {}, join(folder, "link"))).stdout,
    (await inProject("auth status --json")).stdout,
    "the real path counts",
  );
  assert.equal((await here("auth whoami")).stdout, "alice@example.com\n", "elsewhere nothing has changed");
  assert.match(
    (await inProject("auth list")).stderr,
    new RegExp(`^In use here: "other" \\(--here in ${project}\\)\\.$`, "m"),
  );
  assert.match(
    (await inProject("auth switch work")).stderr,
    new RegExp(`^warning: "other" is still in use here \\(--here in ${project}\\)$`, "m"),
  );
});

test("a profile that was chosen for a directory and is gone is an error, and no other account is used", async (t) => {
  const { env, project, inProject } = await twoAccounts(t);
  await inProject("auth switch work --here");
  await createApp({ env }).store.change("work", () => undefined);
  for (const command of [
    "auth status",
    "auth whoami",
    "auth token",
    "auth logout",
    "auth exec-credential",
    "auth git-credential erase",
  ]) {
    // That one reads its standard input, which is a process's own.
    const { code, stdout, stderr } = command.includes("git")
      ? await runCommand(t, command.split(" "), env, { cwd: project })
      : await inProject(command);
    assert.deepEqual([command.includes("git") ? 4 : code, stdout], [4, ""], command);
    assert.match(stderr, command.includes("git") ? /^$/ : /profile "work"/, command);
  }
  assert.match(
    (await inProject("auth whoami")).stderr,
    new RegExp(
      `^error: there is no profile "work", named by --here in ${project}\nhint: Use one of: default\\. [^\n]* To choose another here: spec-kitty auth switch --here\n$`,
    ),
  );
  assert.equal((await inProject("auth switch default --here")).code, 0);
  assert.equal((await inProject("auth whoami")).stdout, "alice@example.com\n");
});

test("S-010 a file that came with a directory decides nothing: whose token is printed, sent, refreshed or ended is as without it", async (t) => {
  const { saas, env, project, inProject, here } = await twoAccounts(t);
  const other = await startFakeSaas();
  t.after(() => other.close());
  writeFileSync(join(project, ".spec-kitty-profile"), "work\n");
  const token = (await storedSession(env))?.accessToken.reveal();
  assert.equal((await inProject("auth token")).stdout, `${token}\n`);
  assert.equal((await inProject("auth whoami")).stdout, "alice@example.com\n");
  assert.equal(
    (JSON.parse((await inProject("auth exec-credential")).stdout) as { status: { token: string } }).status.token,
    token,
  );
  assert.match((await inProject("api GET /api/v1/me")).stdout, /alice@example\.com/);
  assert.equal((await inProject("auth login --force")).code, 0, "default is logged in again, not work");
  assert.equal((await inProject("auth login --yes", { SPEC_KITTY_SAAS_URL: other.url })).code, 0);
  assert.match(
    (await here("auth list")).stdout,
    new RegExp(`work +bob@example.com \\(Bolt Ltd\\) +${saas.url} +logged in`),
    "and work is not bound to another service",
  );
  assert.equal((await inProject("auth logout --force")).code, 0);
  assert.equal((await here("auth whoami --profile work")).stdout, "bob@example.com\n", "nor logged out");
});

test("a file that suggests a profile is a hint with the command to agree, until the user has chosen", async (t) => {
  const { project, inProject } = await twoAccounts(t);
  const file = join(project, ".spec-kitty-profile");
  writeFileSync(file, "work\n");
  const suggestion = `"${file}" suggests the profile "work"; this command uses "default".\nhint: To use "work": `;
  assert.equal((await inProject("auth whoami")).stderr, `${suggestion}spec-kitty auth switch work --here\n`);
  const below = join(project, "it's below");
  mkdirSync(below);
  assert.equal(
    (await inProject("auth whoami", {}, below)).stderr,
    `${suggestion}cd ${project}, then spec-kitty auth switch work --here\n`,
  );
  for (const args of ["auth whoami --profile default", "auth list", "auth switch default"])
    assert.equal((await inProject(args)).stderr, "", args);
  assert.equal((await inProject("auth whoami", { SPEC_KITTY_PROFILE: "default" })).stderr, "");
  await inProject("auth switch work --here");
  assert.deepEqual(await inProject("auth whoami", {}, below), {
    code: 0,
    signal: null,
    stdout: "bob@example.com\n",
    stderr: "",
  });
  await inProject("auth switch default --here");
  assert.deepEqual(
    await inProject("auth whoami"),
    { code: 0, signal: null, stdout: "alice@example.com\n", stderr: "" },
    "the user said no",
  );
});

test("S-010 a file that does not name one of the user's profiles is ignored, with a warning that does not quote an invalid name", async (t) => {
  const { project, inProject } = await twoAccounts(t);
  const file = join(project, ".spec-kitty-profile");
  for (const text of [
    "",
    "no such\n",
    "https://elsewhere.example\n",
    "-x",
    "\u001b[2J",
    `${"a".repeat(65)}`,
    "x".repeat(5000),
  ]) {
    writeFileSync(file, text);
    assert.deepEqual(
      await inProject("auth whoami"),
      {
        code: 0,
        signal: null,
        stdout: "alice@example.com\n",
        stderr: `warning: "${file}" does not contain the name of a profile, and has no effect\n`,
      },
      text,
    );
  }
  writeFileSync(file, "theirs\n");
  assert.equal(
    (await inProject("auth whoami")).stderr,
    `warning: "${file}" suggests the profile "theirs", but it does not exist: this command uses "default"\n`,
  );
});

test("a profile that does not exist is an error for every command but login, which names its source, and the profiles that exist", async (t) => {
  const { config, inProject } = await twoAccounts(t);
  writeFileSync(join(config, "..", "spec.md"), "# Spec");
  const payload = '{"wp_id":"WP01","title":"A","mission_slug":"m"}';
  for (const command of [
    "auth status",
    "auth whoami",
    "auth token",
    "auth refresh",
    "auth team",
    "auth logout",
    "auth status --check",
    "auth exec-credential",
    "api GET /api/v1/me",
    "auth setup-git",
    `sync emit WPCreated --aggregate WP01 --payload ${payload}`,
    "sync now",
    "sync status",
    `sync upload ${join(config, "..", "spec.md")} --project 6b0ed5a2-2a4c-4d83-9c3a-b5f0d4f7a111 --mission login`,
    "tracker status --provider github --project one",
  ]) {
    const { code, stdout, stderr } = await inProject(`${command} --profile wrok`);
    assert.deepEqual([code, stdout], [4, ""], command);
    assert.match(stderr, /^error: there is no profile "wrok", named by --profile\n/, command);
    assert.match(
      stderr,
      /^hint: Use one of: default, work\. To create it: spec-kitty auth login --profile wrok$/m,
      command,
    );
  }
  const byVariable = await inProject("sync status", { SPEC_KITTY_PROFILE: "wrok" });
  assert.match(byVariable.stderr, /^error: there is no profile "wrok", named by SPEC_KITTY_PROFILE\n/);
  assert.deepEqual(JSON.parse((await inProject("sync status --json")).stdout), { scopes: [] }, "nothing was queued");
  const git = await withInput("protocol=https\nhost=service.example\n\n", () =>
    inProject("auth git-credential get --profile wrok"),
  );
  assert.deepEqual([git.code, git.stdout], [4, ""]);
  assert.match(git.stderr, /^error: there is no profile "wrok", named by --profile\n/);
  assert.equal((await inProject("auth list")).stdout.match(/logged in/g)?.length, 2, "nobody was logged out");
});

test("a token in the environment is shown as one, takes precedence over every profile, and its user comes from the service", async (t) => {
  const { saas, inProject, project } = await twoAccounts(t);
  const token = saas.issue({ user: "bob" }).access_token;
  const sent = saas.requests.length;
  const { code, stdout, stderr } = await inProject("auth status", { SPEC_KITTY_ACCESS_TOKEN: token });
  assert.equal(code, 0);
  assert.match(stdout, /^✓ Using the token from SPEC_KITTY_ACCESS_TOKEN$/m);
  assert.match(
    stdout,
    /^ {2}Access token +from SPEC_KITTY_ACCESS_TOKEN, used as is; takes precedence over every login/m,
  );
  assert.match(stdout, /^ {2}Profile +default \(active\); its own session is not used$/m);
  assert.ok(!(stdout + stderr).includes(token) && !stdout.includes("alice"));
  const asJson = JSON.parse(
    (await inProject("auth status --json", { SPEC_KITTY_ACCESS_TOKEN: token })).stdout,
  ) as Record<string, unknown>;
  assert.deepEqual(
    { ...asJson, storage: 0 },
    {
      authenticated: true,
      checked: false,
      profile: "default",
      profileSource: "active",
      tokenSource: "SPEC_KITTY_ACCESS_TOKEN",
      service: saas.url,
      storage: 0,
    },
  );
  assert.equal(saas.requests.length, sent, "nobody was asked");

  assert.match(
    (await inProject("auth status --check", { SPEC_KITTY_ACCESS_TOKEN: token })).stdout,
    /^ {2}User +bob@example\.com, Bob$/m,
  );
  assert.equal((await inProject("auth whoami", { SPEC_KITTY_ACCESS_TOKEN: token })).stdout, "bob@example.com\n");
  writeFileSync(join(project, ".spec-kitty-profile"), "theirs\n");
  assert.deepEqual(
    await inProject("auth whoami", { SPEC_KITTY_ACCESS_TOKEN: token }),
    { code: 0, signal: null, stdout: "bob@example.com\n", stderr: "" },
    "it needs no profile",
  );
  const refused = await inProject("auth status --check", { SPEC_KITTY_ACCESS_TOKEN: "at_wrong" });
  assert.equal(refused.code, 4);
  assert.match(
    refused.stderr,
    /^error: the service rejects the access token from SPEC_KITTY_ACCESS_TOKEN\nhint: .*unset SPEC_KITTY_ACCESS_TOKEN\n$/,
  );
});

test("S-001 the requests for each of two accounts go to its own service", async (t) => {
  const { saas, inProject, here } = await twoAccounts(t);
  const elsewhere = await startFakeSaas();
  t.after(() => elsewhere.close());
  assert.equal((await here("auth login --profile there", { SPEC_KITTY_SAAS_URL: elsewhere.url })).code, 0);
  const sent = saas.requests.length;
  const { code, stdout } = await inProject("auth status --check --profile there", { SPEC_KITTY_SAAS_URL: undefined });
  assert.equal(code, 0);
  assert.match(stdout, new RegExp(`^ {2}Service +${elsewhere.url} \\(checked just now\\)$`, "m"));
  assert.equal(saas.requests.length, sent);
  assert.equal((await here("auth status --check --profile there")).code, 4, "the environment means another service");
  assert.equal(saas.requests.length, sent);
});

test("the hint to log in names the profile that the command was about", async (t) => {
  const { run, here, saas } = await twoAccounts(t);
  const login = "spec-kitty auth login --profile work";
  const commands = [
    "auth token",
    "auth status",
    "auth whoami",
    "auth refresh",
    "api GET /api/v1/me",
    "tracker status --provider github --project p",
    "sync now",
    "sync watch",
  ];
  for (const session of saas.sessions.keys()) saas.revoke(session);
  const ended = await here("api GET /api/v1/me --profile work");
  assert.equal(ended.code, 4);
  assert.match(ended.stderr, /^error: Session expired or revoked: .*\nhint: .*\n$/);
  assert.ok(ended.stderr.endsWith(`\nhint: Run: ${login}\n`), ended.stderr);
  for (const command of commands) {
    // Node 20 has a WebSocket only in a process that was started for it.
    const { code, stderr } = await (command === "sync watch" ? run : here)(`${command} --profile work`);
    assert.equal(code, 4, command);
    assert.ok(stderr.endsWith(`hint: Run: ${login}\n`), `${command}: ${stderr}`);
  }
  assert.equal((await here("auth login --profile work")).code, 0);
  assert.match(
    (await here("auth login --profile work")).stdout,
    /To log in again: spec-kitty auth login --profile work --force\n$/,
  );
});

test("the hint of a failed login, or of a refused token, names the profile that the command was about", async (t) => {
  const { here, saas } = await twoAccounts(t);
  const login = "spec-kitty auth login --profile work";
  assert.match(
    (await here("auth login --force --profile work", { BROWSER: denyingBrowser })).stderr,
    new RegExp(`\\nhint: [^\\n]*${login}( |$)`, "m"),
  );
  saas.faults.always("/api/v1/tracker/status/", { status: 401 });
  saas.faults.always("/api/v1/me", { status: 401 });
  for (const [command, hint] of [
    ["tracker status --provider github --project p", login],
    ["auth status --check", `${login} --force`],
  ]) {
    const { code, stderr } = await here(`${command} --profile work`);
    assert.deepEqual([code, stderr.trim().split("Run: ").at(-1)], [4, hint]);
  }
});
