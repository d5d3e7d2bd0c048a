// The login in other vendors' libraries: each sends its own requests, with our tokens.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import {
  bearerTokenAuthenticationPolicy,
  createDefaultHttpClient,
  createEmptyPipeline,
  createPipelineRequest,
} from "@azure/core-rest-pipeline";
import { Octokit } from "@octokit/core";
import { retry } from "@octokit/plugin-retry";
import { GoogleAuth, PassThroughClient } from "google-auth-library";
import { googleHeaders, octokitStrategy } from "../../src/app/adapters.ts";
import { createAuth, type Auth } from "../../src/index.ts";
import { startFakeSaas, type FakeSaas } from "../fake-saas/server.ts";
import { approve } from "../fake-saas/user.ts";

async function loggedIn(t: TestContext): Promise<{ saas: FakeSaas; auth: Auth }> {
  const saas = await startFakeSaas();
  t.after(() => saas.close());
  const auth = createAuth({
    name: "acme",
    version: "1.2.0",
    issuer: saas.url,
    clientId: "cli_native",
    storage: "memory",
    env: {},
  });
  await auth.login({ flow: "browser", open: false, onAddress: ({ url }) => void approve(url) });
  return { saas, auth };
}

test("a client of the Azure SDK takes the login as its credential", async (t) => {
  const { saas, auth } = await loggedIn(t);
  const pipeline = createEmptyPipeline();
  pipeline.addPolicy(
    bearerTokenAuthenticationPolicy({ credential: auth.credential(), scopes: "https://api.acme.example/.default" }),
  );
  // The policy sends no token over plain http, which this test's service speaks.
  const plain = createDefaultHttpClient();
  const request = createPipelineRequest({ url: "https://api.acme.example/api/v1/me" });
  const { status, bodyAsText } = await pipeline.sendRequest(
    {
      sendRequest: (sent) =>
        plain.sendRequest({ ...sent, allowInsecureConnection: true, url: `${saas.url}/api/v1/me` }),
    },
    request,
  );
  assert.deepEqual([status, (JSON.parse(bodyAsText ?? "") as { email: string }).email], [200, "alice@example.com"]);
});

test("a client of google-auth-library sends the login's headers to the service, and to no other URL", async (t) => {
  const { saas, auth } = await loggedIn(t);
  const google = new GoogleAuth({ authClient: Object.assign(new PassThroughClient(), googleHeaders(auth)) });
  const headers = await google.getRequestHeaders(`${saas.url}/api/v1/me`);
  assert.equal(
    ((await (await fetch(`${saas.url}/api/v1/me`, { headers })).json()) as { email: string }).email,
    "alice@example.com",
  );
  assert.deepEqual([...(await google.getRequestHeaders("https://elsewhere.example/"))], []);
  await auth.logout();
  await assert.rejects(google.getRequestHeaders(`${saas.url}/api/v1/me`), {
    code: "not_authenticated",
    hint: "Run: acme auth login",
  });
});

test("Octokit takes the login as its strategy: a token that is refused is replaced within the request", async (t) => {
  const { saas, auth } = await loggedIn(t);
  const octokit = new Octokit({ authStrategy: octokitStrategy(auth), baseUrl: saas.url });
  const me = async (): Promise<string> => ((await octokit.request("GET /api/v1/me")).data as { email: string }).email;
  assert.equal(await me(), "alice@example.com");
  const { token } = (await octokit.auth()) as { token: string };
  saas.accessTokens.delete(token);
  assert.equal(await me(), "alice@example.com");
  assert.deepEqual(
    [saas.counters.refreshes, ((await octokit.auth()) as { token: string }).token === token],
    [1, false],
  );
});

test("Octokit's requests end with the error of the login, at once, where it would try again for 14 seconds", async (t) => {
  const { saas, auth } = await loggedIn(t);
  const Retrying = Octokit.plugin(retry);
  const octokit = new Retrying({ authStrategy: octokitStrategy(auth), baseUrl: saas.url });
  for (const id of saas.sessions.keys()) saas.revoke(id);
  const sent = saas.requests.length;
  await assert.rejects(octokit.request("GET /api/v1/me"), { code: "session_ended", hint: /acme auth login$/ });
  await assert.rejects(octokit.request("GET /api/v1/me"), { code: "not_authenticated", hint: "Run: acme auth login" });
  assert.equal(saas.requests.length, sent + 1);
  // Octokit still handles the service's response.
  await auth.login({ flow: "browser", open: false, onAddress: ({ url }) => void approve(url) });
  await assert.rejects(octokit.request("GET /nowhere"), { name: "HttpError", status: 404 });
});
