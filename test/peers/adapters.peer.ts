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
import { GoogleAuth, PassThroughClient } from "google-auth-library";
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

test("a client of google-auth-library sends its requests with the login's token", async (t) => {
  const { saas, auth } = await loggedIn(t);
  const authClient = new PassThroughClient({ transporterOptions: { fetchImplementation: auth.fetch } });
  const google = new GoogleAuth({ authClient });
  const me = async (): Promise<string> =>
    (await google.request<{ email: string }>({ url: `${saas.url}/api/v1/me` })).data.email;
  assert.equal(await me(), "alice@example.com");
  saas.accessTokens.clear();
  assert.equal(await me(), "alice@example.com");
  assert.equal(saas.counters.refreshes, 1);
  await auth.logout();
  await assert.rejects(me(), ({ cause }: Error) => (cause as { code?: string }).code === "not_authenticated");
});

test("Octokit sends its requests with the login's token", async (t) => {
  const { saas, auth } = await loggedIn(t);
  const octokit = new Octokit({ baseUrl: saas.url, request: { fetch: auth.fetch } });
  const me = async (): Promise<string> => ((await octokit.request("GET /api/v1/me")).data as { email: string }).email;
  assert.equal(await me(), "alice@example.com");
  saas.accessTokens.clear();
  assert.equal(await me(), "alice@example.com");
  assert.equal(saas.counters.refreshes, 1);
  await assert.rejects(octokit.request("GET /nowhere"), { name: "HttpError", status: 404 });
  await auth.logout();
  await assert.rejects(me(), ({ cause }: Error) => (cause as { code?: string }).code === "not_authenticated");
});
