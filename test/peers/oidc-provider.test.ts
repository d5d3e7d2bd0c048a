// The client against a certified OpenID provider that nobody here wrote, in a process of its own.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test, type TestContext } from "node:test";
import { deviceAuthorizationRequest, deviceAuthorizationResponse, deviceCodeGrant } from "../../src/auth/oauth/device-authorization.ts";
import { createDpopKey, dpopFetch } from "../../src/auth/oauth/dpop.ts";
import { revokeTokens } from "../../src/auth/oauth/revocation.ts";
import { systemClock } from "../../src/platform/clock.ts";
import type { Secret } from "../../src/secret.ts";
import { RelyingParty } from "../conformance/relying-party.ts";
import { fillForms } from "./form-user.ts";

/** Starts the provider; gives its issuer and what it was asked. */
async function start(t: TestContext, ...manners: string[]): Promise<{ issuer: string; requests: string[] }> {
  const provider = spawn(process.execPath, [new URL("oidc-provider.js", import.meta.url).pathname, ...manners], { stdio: ["ignore", "pipe", "ignore"] });
  t.after(() => provider.kill());
  const lines = createInterface({ input: provider.stdout });
  const requests: string[] = [];
  const [issuer] = (await once(lines, "line")) as [string];
  lines.on("line", (line) => requests.push(line));
  return { issuer, requests };
}

async function allow(address: string): Promise<URL> {
  const { left, page } = await fillForms(address);
  assert.ok(left, page);
  return left;
}

const client_id = "cli_native";
const refreshTokenOf = ({ refresh_token }: { refresh_token: Secret | undefined }): Secret => {
  assert.ok(refresh_token);
  return refresh_token;
};

for (const alg of ["RS256", "PS256", "ES256", "Ed25519"]) {
  for (const manners of [[], ["--par", "--nonces"]]) {
    test(`login, rotation, reuse and revocation with ${[alg, ...manners].join(" ")}`, async (t) => {
      const { issuer, requests } = await start(t, "--alg", alg, ...manners);
      const client = new RelyingParty(issuer, allow);
      const session = await client.login();
      assert.deepEqual(session.user, { id: "alice", email: "alice@example.com", name: "alice", teams: [] });
      assert.equal(session.tokens.token_type, "DPoP");
      if (manners.length > 0) assert.deepEqual(requests.filter((line) => line.includes("/request")), ["POST /request 400", "POST /request 201"]);

      const second = await client.refresh(session);
      assert.ok(!refreshTokenOf(second).equals(refreshTokenOf(session.tokens)));
      // Another key, then none: the tokens alone are of no use.
      await assert.rejects(client.refresh({ ...session, tokens: second, dpopKey: createDpopKey() }), { error: "invalid_grant" });
      const third = await client.refresh({ ...session, tokens: second });

      const results = await revokeTokens(session.server.revocation_endpoint ?? "", { client_id, ...third }, { fetch, clock: systemClock });
      assert.deepEqual(results.map(({ error }) => error), [undefined, undefined]);
      await assert.rejects(client.refresh({ ...session, tokens: third }), { error: "invalid_grant" });
    });
  }
}

test("a refresh token that is presented twice ends the session at this server too", async (t) => {
  const client = new RelyingParty((await start(t)).issuer, allow);
  const session = await client.login();
  const next = await client.refresh(session);
  await assert.rejects(client.refresh(session), { error: "invalid_grant" });
  await assert.rejects(client.refresh({ ...session, tokens: next }), { error: "invalid_grant" });
});

test("a user who says no is told apart from a failure", async (t) => {
  const { issuer } = await start(t);
  const client = new RelyingParty(issuer, async (address) => (await fillForms(address, { answer: "deny" })).left ?? new URL(address));
  await assert.rejects(client.login(), { message: "error" });
});

test("a device login with a bound token, the user typing the code", async (t) => {
  const { issuer } = await start(t, "--nonces");
  const { server } = await new RelyingParty(issuer, allow).login();
  const exchange = { clock: systemClock, fetch: dpopFetch({ fetch, clock: systemClock, key: createDpopKey(), nonces: new Map() }) };
  const device = await deviceAuthorizationResponse(await deviceAuthorizationRequest(server, { client_id, scope: "openid offline_access" }, exchange));
  const { device_code } = device;
  await assert.rejects(deviceCodeGrant(server, { client_id, device_code }, exchange), { error: "authorization_pending" });
  const { page } = await fillForms(device.verification_uri, { user_code: device.user_code, login: "alice", answer: "allow" });
  assert.match(page, /Success/);
  const tokens = await deviceCodeGrant(server, { client_id, device_code }, exchange);
  assert.equal(tokens.token_type, "DPoP");
  assert.ok(tokens.id_token && tokens.refresh_token);
});
