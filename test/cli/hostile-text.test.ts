import assert from "node:assert/strict";
import { test } from "node:test";
import { fakeService, fakeStreams } from "../../src/app/testing.ts";
import { createCommand } from "../../src/cli/main.ts";
import { approve, tamper, type Visit } from "../fake-saas/user.ts";
import type { CommandResult } from "../helpers/command.ts";
import { logInHere } from "../helpers/command-here.ts";
import { scene } from "../helpers/scene.ts";
import { signIn } from "../helpers/stored-session.ts";

/** Moves the cursor, sets the title, hides text, reverses the direction, and forges lines. */
const hostile =
  "\u001b[2J\u001b]0;owned\u0007\u009b31mEvil\u202eLtd\u2066\u200b\r\nerror: forged\n✓ Logged in as root\u2028hint: rm -rf\u0000</p><script>alert(1)</script>";

function assertHarmless({ stdout, stderr }: CommandResult): void {
  for (const text of [stdout, stderr]) {
    assert.doesNotMatch(text, /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    assert.doesNotMatch(text, /^\s*(error: forged|✓ Logged in as root|hint: rm)/m);
  }
}

test("S-008 names of users and teams from the service stay text on one line, in every command", async (t) => {
  const { saas, here, env } = await scene(t);
  Object.assign(saas.users.alice, {
    email: `a${hostile}`,
    name: hostile,
    teams: [{ id: `tm${hostile}`, name: hostile, role: hostile }],
  });
  let visit: Promise<Visit> | undefined;
  const login = await logInHere(["auth", "login"], env, {}, (address) => (visit = approve(address)));
  const page = (await visit)?.page ?? "";
  assert.match(page, /You are logged in/);
  assert.doesNotMatch(page, /<script|[\u202a-\u202e\u2066-\u2069\u001b\u200b]/);
  assert.equal(login.stdout.split("\n").length, 2);
  assertHarmless(login);
  for (const args of [
    "auth status --check",
    "auth whoami",
    "auth list",
    "auth team",
    "auth login",
    "auth doctor",
    "auth logout",
  ]) {
    const result = await here(args);
    assert.doesNotMatch(result.stderr, /report this bug/, args);
    assertHarmless(result);
    if (args === "auth whoami") assert.equal(result.stdout.split("\n").length, 2);
  }
});

test("S-008 error descriptions from the service stay text on one line, in the terminal and on the page", async (t) => {
  const { saas, env, here } = await scene(t);
  const change = (callback: URL): void => {
    callback.searchParams.delete("code");
    callback.searchParams.set("error", `server_error${hostile}`);
    callback.searchParams.set("error_description", hostile);
  };
  let visit: Promise<Visit> | undefined;
  const denied = await logInHere(["auth", "login"], env, {}, (address) => (visit = tamper(address, change)));
  const page = (await visit)?.page ?? "";
  assert.match(page, /The login failed/);
  assert.doesNotMatch(page, /<script|[\u202a-\u202e\u2066-\u2069\u001b\u200b]/);
  assert.equal(denied.code, 1);
  assertHarmless(denied);
  for (const path of ["/oauth/token", "/api/v1/me"]) {
    saas.faults.next(path, { status: 400, body: { error: `invalid${hostile}`, error_description: hostile } });
    const failed = await here("auth login");
    assert.equal(failed.code, 1);
    assertHarmless(failed);
    assert.equal(failed.stderr.split("\n").filter((text) => /^(error|hint):/.test(text)).length, 2);
  }
});

test("an issuer that is as long as a book is an error of one line that can be read", async (t) => {
  const { saas, here } = await scene(t);
  saas.faults.next("/.well-known/oauth-authorization-server", { body: { issuer: "x".repeat(900_000) } });
  const { code, stderr } = await here("auth login");
  assert.equal(code, 1);
  assert.match(stderr, /^error: the metadata of "[^"]+" names the issuer [^\n]+\nhint: Check the URL of the issuer\n$/);
  assert.ok(stderr.length < 1_000, `${stderr.length} characters`);
});

for (const [path, member, args] of [
  ["/oauth/token", "scope", "auth login"],
  ["/api/v1/tracker/status/", "connected", "tracker status --provider github --project p"],
  ["/api/v1/tracker/status/", "connected", "tracker status --provider github --project p --json"],
] as const) {
  test(`S-014 a response whose "${member}" is nested without an end is an error of the service in "${args}"`, async (t) => {
    const { saas, env, here } = await scene(t);
    if (args !== "auth login") await signIn(saas, env);
    saas.faults.always(path, { body: `{"${member}":${"[".repeat(400_000)}${"]".repeat(400_000)}}` });
    const { code, stdout, stderr } = await here(args);
    assert.deepEqual([code, stdout.includes("[[")], [1, false]);
    assert.match(stderr, /^error: [^\n]*JSON object[^\n]*\nhint: [^\n]+\n$/m);
    assert.doesNotMatch(stderr, /bug/);
  });
}

test("an error that is as long as a book is cut", async (t) => {
  const { saas, here } = await scene(t);
  saas.faults.next("/oauth/token", {
    status: 400,
    body: { error: "x".repeat(400_000), error_description: "y".repeat(400_000) },
  });
  const { code, stderr } = await here("auth login");
  assert.equal(code, 1);
  assert.ok(stderr.length < 2_000, `${stderr.length} characters`);
});

test("a team whose id no header can have is left out, since no request could name it", async (t) => {
  const { saas, here } = await scene(t);
  const teams = [
    { id: "a\r\nX-Other: 1", name: "A" },
    { id: "tm_ok", name: "B" },
    { id: "köln✓", name: "C" },
  ];
  saas.faults.next("/api/v1/me", { edit: (answer) => ({ ...answer, teams }) });
  await here("auth login");
  assert.deepEqual((JSON.parse((await here("auth status --json")).stdout) as { teams: unknown }).teams, [
    { id: "tm_ok", name: "B" },
  ]);
});

test("S-008 a user whose name would fill the screen, or the URL of the next login, is shown by the id", async () => {
  const endless = "a".repeat(100_000);
  const service = fakeService({ user: { id: "u_7", email: endless, name: endless } });
  const command = createCommand({
    name: "acme",
    version: "1.2.0",
    clientId: "acme-cli",
    scope: "openid",
    ...service.options,
  });
  const run = async (line: string): Promise<string> => {
    const streams = fakeStreams();
    assert.equal(await command.run(line.split(" "), streams), 0, streams.stderr.text);
    return streams.stdout.text;
  };
  assert.match(await run("auth login"), /^✓ Logged in as u_7\./);
  service.revoke();
  // The previous one hints at the account.
  assert.match(await run("auth login"), /^✓ Logged in as u_7\./);
});
