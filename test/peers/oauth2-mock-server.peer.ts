// The real command against oauth2-mock-server, a provider in many test suites.
import assert from "node:assert/strict";
import { test } from "node:test";
import { program, stage } from "./stage.ts";

const server = [process.execPath, program("oauth2-mock-server.js")];
// It silently accepts any client.
const client = ["--client-id", "a-client"];

test("oauth2-mock-server: login with an ID token, refresh, a wave, a request, and a logout that revokes", async (t) => {
  const { address, does, asked, session, wave } = await stage(t, server);
  const login = await does("auth", "login", address, ...client, "--scope", "openid");
  assert.match(login.stdout, /^✓ Logged in as johndoe\. Access token valid for 1 hour\.\n$/);
  const first = await session();
  assert.equal(first.idToken?.sub, "johndoe");
  await does("auth", "refresh");
  asked();
  await wave();
  assert.deepEqual(asked(), ["POST /token 200"]);
  await does("auth", "status", "--check");
  asked();
  assert.match((await does("auth", "logout")).stdout, /Revoked: refresh token, access token\./);
  assert.deepEqual(asked(), ["POST /revoke 200", "POST /revoke 200"]);
});

test("oauth2-mock-server has no device login, and that is said", async (t) => {
  const { address, run } = await stage(t, server);
  const { code, stderr } = await run("auth", "login", address, ...client, "--headless");
  assert.equal(code, 2);
  assert.match(stderr, /^error: "\S+" has no device login$/m);
});
