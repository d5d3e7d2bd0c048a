// The real command against better-auth's OAuth provider, known only by its URL.
import assert from "node:assert/strict";
import { test } from "node:test";
import { runCommand } from "../helpers/command.ts";
import { program, stage } from "./stage.ts";

const server = [process.execPath, program("better-auth.js")];

test("better-auth: registration, login with an ID token, refresh with rotation, a wave, and a logout that revokes", async (t) => {
  const { address, does, run, asked, session, wave } = await stage(t, server);
  const login = await does("auth", "login", address);
  assert.match(login.stdout, /^✓ Logged in as alice@example\.com\. Access token valid for 1 hour\.\n$/);
  assert.equal(asked().filter((line) => line === "POST /api/auth/oauth2/register 201").length, 1);
  const first = await session();
  assert.ok(first.idToken?.sub);
  assert.deepEqual([first.missingScope, first.tokenType], [undefined, "DPoP"]);
  await does("auth", "refresh");
  const second = await session();
  assert.ok(first.refreshToken && second.refreshToken && !first.refreshToken.equals(second.refreshToken));
  await does("auth", "status", "--check");
  asked();
  await wave();
  // It refused the proof of a clock an hour ahead before.
  assert.deepEqual(
    asked().filter((line) => line.endsWith(" 200")),
    ["POST /api/auth/oauth2/token 200"],
  );
  const logout = await does("auth", "logout");
  assert.match(logout.stdout, /Revoked: refresh token/);
  assert.equal(logout.stderr, "");
  assert.equal((await run("auth", "token")).code, 4);
});

test("better-auth: the user denies the login", async (t) => {
  const { address, env } = await stage(t, server);
  const { code, stderr } = await runCommand(t, ["auth", "login", address], { ...env, FORM_USER_ANSWER: "deny" });
  assert.equal(code, 5, stderr);
  assert.match(stderr, /^error: the login was denied \(access_denied/m);
});
