// The real command against Django OAuth Toolkit, from the Debian package python3-django-oauth-toolkit.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { runCommand } from "../helpers/command.ts";
import { program, stage } from "./stage.ts";

const python = "/usr/bin/python3";
const server = [python, program("django-oauth-toolkit.py")];
const skip =
  spawnSync(python, ["-c", "import oauth2_provider"]).status !== 0
    ? "python3-django-oauth-toolkit is not installed"
    : false;
// Without registration endpoint and issuer parameter, and with an exact loopback path: client and path are registered
// by hand.
const client = ["--client-id", "cli_native"];
const login = [...client, "--redirect-path", "/callback/django", "--scope", "openid email"];

test("Django OAuth Toolkit: login with an ID token, refresh with rotation, a wave, and a logout that says what it cannot do", {
  skip,
}, async (t) => {
  const { address, does, asked, session, wave } = await stage(t, server);
  assert.match(
    (await does("auth", "login", address, ...login)).stdout,
    /^✓ Logged in as 1\. Access token valid for 1 hour\.\n$/,
  );
  const first = await session();
  assert.equal(first.idToken?.sub, "1");
  await does("auth", "refresh");
  const second = await session();
  assert.ok(first.refreshToken && second.refreshToken && !first.refreshToken.equals(second.refreshToken));
  await does("auth", "status", "--check");
  asked();
  await wave();
  assert.deepEqual(asked(), ["POST /o/token/ 200"]);
  // Its metadata omit the endpoint, although it has one.
  assert.match((await does("auth", "logout")).stderr, /^warning: .*cannot end a session/m);
});

test("Django OAuth Toolkit: a refresh token that is presented twice ends the session, and the owner sees why", {
  skip,
}, async (t) => {
  const { address, does, run, session } = await stage(t, server);
  await does("auth", "login", address, ...login);
  const { server: known, clientId, refreshToken } = await session();
  await does("auth", "refresh");
  const body = new URLSearchParams({
    grant_type: "refresh_token",
    client_id: clientId,
    refresh_token: refreshToken?.reveal() ?? "",
  });
  assert.equal((await fetch(known.token_endpoint, { method: "POST", body })).status, 400);
  const { code, stderr } = await run("auth", "refresh");
  assert.equal(code, 4);
  assert.match(stderr, /Session expired or revoked/);
});

test("Django OAuth Toolkit: the user denies the login, and a device login does not exist", {
  skip,
}, async (t) => {
  const { address, env, run } = await stage(t, server);
  assert.equal(
    (await runCommand(t, ["auth", "login", address, ...login], { ...env, FORM_USER_ANSWER: "deny" })).code,
    5,
  );
  const device = await run("auth", "login", address, ...client, "--headless");
  assert.equal(device.code, 2);
  assert.match(device.stderr, /has no device login/);
});
