import assert from "node:assert/strict";
import { test } from "node:test";
import type { CommandResult } from "../helpers/command.ts";
import { withInput } from "../helpers/command-here.ts";
import { loginAt, me, provided, type Provided } from "../helpers/provided.ts";
import { filesUnder, scene } from "../helpers/scene.ts";
import { sessionOf, storeSession } from "../helpers/stored-session.ts";

interface Claims {
  readonly aud: string;
  readonly sub: string;
  readonly exp: number;
}

function claimsOf(token: string): Claims {
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as Claims;
}

/** @param leftSeconds - of the login's ID token; an hour by default */
async function loggedIn(t: Parameters<typeof provided>[0], leftSeconds = 3_600): Promise<Provided> {
  const at = await provided(t, {}, { "/api/v1/me": me });
  at.provider.misbehaviour = { idToken: (claims) => ({ ...claims, exp: Number(claims["iat"]) + leftSeconds }) };
  const { code, stderr } = await at.run(`${loginAt(at.provider)} --no-dpop`);
  assert.equal(code, 0, stderr);
  return at;
}

const refreshes = ({ provider }: Provided): number =>
  provider.requests.filter(({ form }) => form["grant_type"] === "refresh_token").length;

test("auth token --id-token prints the ID token of the login", async (t) => {
  const at = await loggedIn(t);
  const { stdout } = await at.here("auth token --id-token");
  const { aud, exp } = claimsOf(stdout);
  assert.equal(aud, "cli_native");
  const { idToken, expiresAt } = JSON.parse((await at.here("auth token --id-token --json")).stdout) as Record<
    string,
    string
  >;
  assert.equal(`${idToken}\n`, stdout);
  assert.ok(Math.abs(Date.parse(expiresAt ?? "") - exp * 1000) < 2_000);
  assert.match((await at.here("auth token --id-token --header")).stdout, /^Authorization: Bearer ey/);
  assert.equal(refreshes(at), 0);
  for (const [path, content] of filesUnder(at.env["HOME"] ?? "")) assert.ok(!content.includes(stdout.trim()), path);
});

test("an ID token that is about to expire is replaced by one refresh for all", async (t) => {
  const at = await loggedIn(t, 30);
  const runs = await Promise.all(Array.from({ length: 4 }, () => at.run("auth token --id-token")));
  for (const { code, stderr } of runs) assert.equal(code, 0, stderr);
  const [token = "", ...others] = new Set(runs.map(({ stdout }) => stdout));
  assert.deepEqual(others, []);
  assert.ok(claimsOf(token).exp * 1000 > Date.now() + 60_000);
  assert.equal(refreshes(at), 1);
});

test("an ID token that was refused is replaced by one refresh for all that say the same", async (t) => {
  const at = await loggedIn(t);
  const { stdout: refused } = await at.here("auth token --id-token");
  const say = (): Promise<CommandResult> => withInput(refused, () => at.here("auth token --id-token --rejected"));
  const [first, second] = [await say(), await say()];
  assert.notEqual(first.stdout, refused);
  assert.equal(second.stdout, first.stdout);
  assert.equal(refreshes(at), 1);
});

test("kubectl and Google's libraries get the ID token in their own forms", async (t) => {
  const at = await loggedIn(t);
  const token = (await at.here("auth token --id-token")).stdout.trim();
  const { status } = JSON.parse((await at.here("auth exec-credential --token id")).stdout) as {
    status: { token: string; expirationTimestamp?: string };
  };
  assert.equal(status.token, token);
  assert.ok(Math.abs(Date.parse(status.expirationTimestamp ?? "") - claimsOf(token).exp * 1000) < 2_000);
  const google = JSON.parse((await at.here("auth google-credential")).stdout) as { expiration_time: number };
  const { expiration_time, ...rest } = google;
  assert.deepEqual(rest, {
    version: 1,
    success: true,
    token_type: "urn:ietf:params:oauth:token-type:id_token",
    id_token: token,
  });
  assert.ok(Math.abs(expiration_time - claimsOf(token).exp) < 2);
  assert.equal((await at.here("auth exec-credential --token refresh")).code, 2);
});

test("where there is no ID token, or no new one, the error says so, and nothing that has expired is printed", async (t) => {
  const at = await loggedIn(t, -30);
  at.provider.misbehaviour = { tokens: ({ id_token: _, ...rest }) => rest };
  const expired = await at.here("auth token --id-token");
  assert.deepEqual([expired.code, expired.stdout], [2, ""]);
  assert.match(expired.stderr, /^error: the ID token has expired, and a refresh brings no new one\nhint: /);
  const plain = await scene(t);
  await storeSession(plain.saas, plain.env, sessionOf(plain.saas, { leftMs: 3_600_000 }));
  const none = await plain.here("auth token --id-token");
  assert.deepEqual([none.code, none.stdout], [2, ""]);
  assert.match(none.stderr, /^error: the login has no ID token\nhint: .*--scope openid/);
  const given = await plain.here("auth google-credential", { SPEC_KITTY_ACCESS_TOKEN: "at_given" });
  assert.match(
    given.stderr,
    /^error: SPEC_KITTY_ACCESS_TOKEN provides access tokens only\nhint: Unset SPEC_KITTY_ACCESS_TOKEN, and log in/,
  );
});
