// A login into a profile with an earlier one: the end of that session, and when a prompt comes.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { approve } from "../fake-saas/user.ts";
import { startFakeSaas } from "../fake-saas/server.ts";
import { startCommand } from "../helpers/command.ts";
import { noTerminal, startOnTerminal } from "../helpers/pseudo-terminal.ts";
import { scene, type Scene } from "../helpers/scene.ts";
import { signIn, storedSession } from "../helpers/stored-session.ts";

const success = "✓ Logged in as alice@example.com (Acme Corp). Access token valid for 1 hour.\n";

/** By login order. */
function ended({ saas }: Pick<Scene, "saas">): boolean[] {
  return [...saas.sessions.values()].map((session) => session.ended !== undefined);
}

/** A second service. */
async function another(t: TestContext): Promise<Scene["saas"]> {
  const saas = await startFakeSaas();
  t.after(() => saas.close());
  return saas;
}

test("S-015 a login that replaces a session ends the old one at the service, after the new one is stored", async (t) => {
  const it = await scene(t);
  await signIn(it.saas, it.env);
  const first = await storedSession(it.env);
  let wasStored = false;
  it.saas.faults.next("/api/v1/logout", {
    gate: it.saas
      .until(() => it.saas.count("/api/v1/logout") === 1)
      .then(async () => {
        wasStored = (await storedSession(it.env))?.sessionId !== first?.sessionId;
      }),
  });
  const { code, stdout, stderr } = await it.run("auth login --force");
  assert.deepEqual([code, stdout], [0, success]);
  assert.doesNotMatch(stderr, /warning/);
  assert.ok(wasStored);
  assert.deepEqual(ended(it), [true, false]);
  assert.equal((await it.here("auth status --check")).code, 0);
});

test("S-015 a replaced session is ended also when only its refresh token is still good", async (t) => {
  const it = await scene(t);
  await signIn(it.saas, it.env);
  it.saas.expireAccessTokens();
  assert.equal((await it.here("auth login --force")).stdout, success);
  assert.deepEqual(ended(it), [true, false]);
});

test("S-015 when the service does not end the replaced session, the login is done and the user is warned", async (t) => {
  const it = await scene(t);
  await signIn(it.saas, it.env);
  it.saas.faults.always("/api/v1/logout", { status: 403, body: "<h1>CSRF</h1>" });
  const { code, stdout, stderr } = await it.here("auth login --force");
  assert.deepEqual([code, stdout], [0, success]);
  assert.match(
    stderr,
    /^warning: the service did not confirm the logout of the previous login \(.* returned 403[^\n]*\): the tokens may remain valid until they expire$/m,
  );
});

test("a service that returns the same session to a second login keeps it", async (t) => {
  const it = await scene(t);
  await signIn(it.saas, it.env);
  const [id] = it.saas.sessions.keys();
  it.saas.faults.next("/oauth/token", { edit: (answer) => ({ ...answer, session_id: id }) });
  assert.equal((await it.here("auth login --force")).stdout, success);
  assert.equal(it.saas.counters.logouts, 0);
});

test("S-015 a login at another service into a profile is agreed to first, and then ends the old session where it is", async (t) => {
  const it = await scene(t);
  const other = await another(t);
  await signIn(it.saas, it.env);
  const asked = it.saas.requests.length;
  const elsewhere = { SPEC_KITTY_SAAS_URL: other.url };
  for (const [how, args] of [
    [it.run, "auth login"],
    [it.here, "auth login --profile default"],
  ] as const) {
    const { code, stdout, stderr } = await how(args, elsewhere);
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(
      stderr,
      new RegExp(
        `^error: profile "default" belongs to ${it.saas.url}, and the login at ${other.url} needs your approval$`,
        "m",
      ),
    );
    assert.match(
      stderr,
      new RegExp(
        `^hint: Keep both: spec-kitty auth login --profile NAME. Change the profile to ${other.url}: spec-kitty auth login --yes$`,
        "m",
      ),
    );
  }
  assert.deepEqual([it.saas.requests.length, other.requests.length], [asked, 0]);
  assert.equal((await it.here("auth login --profile second", elsewhere)).code, 0);

  assert.equal((await it.here("auth login --yes", elsewhere)).stdout, success);
  assert.deepEqual([ended(it), ended({ saas: other })], [[true], [false, false]]);
  assert.ok(other.requests.every(({ path }) => path !== "/api/v1/logout"));
  assert.equal((await it.here("auth login --force")).stdout, success, "and --force agrees too");
  assert.deepEqual(ended({ saas: other }), [false, true]);
});

test("S-015 a profile without a session is still bound to its service and its issuer", async (t) => {
  const it = await scene(t);
  const other = await another(t);
  await signIn(it.saas, it.env);
  await it.here("auth logout");
  assert.equal((await it.here("auth login", { SPEC_KITTY_SAAS_URL: other.url })).code, 2);
  const issuer = await it.here(`auth login --issuer ${other.url}`);
  assert.equal(issuer.code, 2);
  assert.match(
    issuer.stderr,
    new RegExp(
      `belongs to ${it.saas.url}, and the login at ${it.saas.url} \\(issuer ${other.url}\\) needs your approval`,
    ),
  );
  assert.equal(other.requests.length, 0);
  assert.equal((await it.here(`auth login --issuer ${it.saas.url}`)).code, 0, "the service itself is no other issuer");
});

test("S-015 on a terminal a login that changes a profile prompts with both services, and a yes goes on", {
  skip: noTerminal,
}, async (t) => {
  const it = await scene(t);
  const other = await another(t);
  await signIn(it.saas, it.env);
  const running = startOnTerminal(t, ["auth", "login"], { ...it.env, SPEC_KITTY_SAAS_URL: other.url });
  await running.shows(new RegExp(`Profile "default" belongs to ${it.saas.url}. This login is at ${other.url}.`));
  await running.shows(/\[y\/N\] /);
  assert.equal(other.requests.length, 0);
  running.type("y\n");
  assert.equal((await running.ended).code, 0, running.stdout());
  assert.deepEqual([ended(it), ended({ saas: other })], [[true], [false]]);
});

test("S-003 of two logins at different services under one new name, the later one is refused and its tokens are revoked", async (t) => {
  const it = await scene(t);
  const other = await another(t);
  const slow = startCommand(t, ["auth", "login", "--no-browser", "--profile", "new"], it.env);
  const [address] = await slow.shows(/http:\S+\/oauth\/authorize\S+/);
  assert.equal((await it.here("auth login --profile new", { SPEC_KITTY_SAAS_URL: other.url })).code, 0);
  await approve(address);
  const { code, stdout, stderr } = await slow.ended;
  assert.deepEqual([code, stdout], [2, ""]);
  assert.match(
    stderr,
    new RegExp(
      `^error: profile "new" belongs to ${other.url}, and the login at ${it.saas.url} needs your approval$`,
      "m",
    ),
  );
  assert.deepEqual([ended(it), ended({ saas: other })], [[true], [false]]);
});
