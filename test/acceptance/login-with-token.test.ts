import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonOutput } from "../../src/cli/json-output.ts";
import { runCommand, type CommandResult } from "../helpers/command.ts";
import { runHere, withInput } from "../helpers/command-here.ts";
import { me, provided } from "../helpers/provided.ts";
import { filesUnder, scene, type Scene } from "../helpers/scene.ts";
import { signIn } from "../helpers/stored-session.ts";

const take = ({ env }: Pick<Scene, "env">, token: string, options = ""): Promise<CommandResult> =>
  withInput(`${token}\n`, () => runHere(`auth login --with-token${options}`.split(" "), env));

test("auth login --with-token takes over a login by its refresh token, and says that it must be used in one place only", async (t) => {
  const at = await scene(t);
  const { refresh_token } = at.saas.issue({ user: "bob" });
  const login = await runCommand(t, ["auth", "login", "--with-token"], at.env, { input: refresh_token });
  assert.equal(login.code, 0, login.stderr);
  assert.equal(login.stdout, "✓ Logged in as bob@example.com (Bolt Ltd). Access token valid for 1 hour.\n");
  assert.match(login.stderr, /^warning: a second use of this refresh token may end the session: /);
  const { authFlow, hasRefreshToken } = JSON.parse(
    (await at.here("auth status --json")).stdout,
  ) as JsonOutput["auth status"];
  assert.deepEqual([authFlow, hasRefreshToken], ["token", true]);
  assert.equal((await at.here("auth refresh")).code, 0);
  assert.deepEqual([at.saas.counters.refreshes, at.saas.counters.reuses, at.saas.counters.logins], [2, 0, 0]);
  for (const content of filesUnder(at.folder).values())
    for (const secret of at.saas.issued.keys()) assert.ok(!content.includes(secret));
});

test("auth login --with-token takes over a login by its access token, which is all there is then", async (t) => {
  const at = await scene(t);
  const { access_token } = at.saas.issue();
  const login = await take(at, access_token);
  assert.equal(login.code, 0, login.stderr);
  assert.match(login.stdout, /^✓ Logged in as alice@example\.com \(Acme Corp\)\. There is no refresh token: /);
  assert.doesNotMatch(login.stderr, /warning/);
  assert.equal((await at.here("auth token")).stdout, `${access_token}\n`);
  assert.equal((await at.here("api /api/v1/me")).code, 0);
});

test("a token that is neither is refused, and nothing is stored, ended or printed", async (t) => {
  const at = await scene(t);
  await signIn(at.saas, at.env);
  const dead = at.saas.issue({ refreshExpiresIn: -1 }).refresh_token;
  for (const token of ["at_made-up", dead]) {
    const { code, stdout, stderr } = await take(at, token);
    assert.deepEqual([code, stdout], [4, ""]);
    assert.match(
      stderr,
      /^error: the token is neither a refresh token of client "cli_native" at "http[^"]*" nor an access token for http\S*\nhint: Check the token/,
    );
    assert.ok(!stderr.includes(token));
  }
  for (const input of ["", "two words", "Bearer at_x"]) assert.equal((await take(at, input)).code, 2);
  assert.equal((await take(at, "at_x", " --headless")).code, 2);
  assert.equal((await at.here("auth whoami")).stdout, "alice@example.com\n");
  assert.equal(at.saas.counters.revocations, 0);
});

test("a token that is taken over replaces the login of the profile, which is ended, and another service needs consent", async (t) => {
  const at = await scene(t);
  await signIn(at.saas, at.env);
  const [before] = at.saas.sessions.keys();
  const { refresh_token } = at.saas.issue({ user: "bob" });
  assert.equal((await take(at, refresh_token)).code, 0);
  assert.equal((await at.here("auth whoami")).stdout, "bob@example.com\n");
  assert.notEqual(at.saas.sessions.get(before ?? "")?.ended, undefined);
  const other = await scene(t);
  const moved = await take(at, other.saas.issue().refresh_token, ` ${other.saas.url}`);
  assert.equal(moved.code, 2);
  assert.match(moved.stderr, /\nhint: .*auth login .*--with-token/);
  assert.equal(other.saas.count("/oauth/token"), 0);
});

test("S-004 a failure that may pass leaves a token as it was: nothing is tried as another kind, and nothing is revoked", async (t) => {
  const at = await scene(t);
  const { refresh_token, access_token } = at.saas.issue();
  at.saas.faults.next("/oauth/token", { status: 503 });
  assert.equal((await take(at, refresh_token)).code, 3);
  assert.equal(at.saas.count("/api/v1/me"), 0);
  at.saas.faults.next("/api/v1/me", { status: 503 });
  assert.equal((await take(at, access_token)).code, 3);
  assert.equal(at.saas.count("/api/v1/logout"), 0);
  assert.equal((await take(at, refresh_token)).code, 0);
});

test("at an OpenID provider the user is known by UserInfo, and no client is registered for a token of another", async (t) => {
  const { provider, env } = await provided(t, { registers: true }, { "/api/v1/me": me });
  const refused = await take({ env }, "rt_of-another-client", ` --issuer ${provider.issuer}`);
  assert.notEqual(refused.code, 0);
  assert.equal(provider.requests.filter(({ path }) => path === "/register").length, 0);
});
