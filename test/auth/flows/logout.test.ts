import assert from "node:assert/strict";
import { test } from "node:test";
import { loginAt, provided } from "../../helpers/provided.ts";

test("an access token that ended with its refresh token has ended: no warning", async (t) => {
  const { provider, here } = await provided(t);
  await here(loginAt(provider));
  provider.misbehaviour = {
    revoke: ({ token_type_hint: hint }) =>
      hint === "access_token" ? Response.json({ error: "invalid_token" }, { status: 400 }) : undefined,
  };
  const { stdout, stderr } = await here("auth logout");
  assert.deepEqual([stdout, stderr], ['✓ Logged out (profile "default"). Revoked: refresh token, access token.\n', ""]);
  // The meaning of a refresh token is unknown.
  await here(loginAt(provider));
  provider.misbehaviour = { revoke: () => Response.json({ error: "invalid_token" }, { status: 400 }) };
  assert.match(
    (await here("auth logout")).stderr,
    /^warning: the issuer did not confirm the revocation of the refresh token .*\nwarning: the issuer did not confirm the revocation of the access token/m,
  );
});

test("logout reports for programs what became of each token", async (t) => {
  const { provider, here, session } = await provided(t);
  await here(loginAt(provider));
  provider.misbehaviour = { revoke: () => new Response("", { status: 503 }) };
  const { code, stdout } = await here("auth logout --json");
  assert.equal(code, 0);
  const error = { code: "service_unavailable", message: `"${provider.issuer}/revoke" returned 503` };
  assert.deepEqual(JSON.parse(stdout), {
    loggedOut: [
      {
        profile: "default",
        server: "unconfirmed",
        error,
        tokens: [
          { token: "refresh_token", revoked: false },
          { token: "access_token", revoked: false },
        ],
      },
    ],
  });
  assert.equal(await session(), undefined);
});
