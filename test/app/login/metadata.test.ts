import assert from "node:assert/strict";
import { test } from "node:test";
import { createApp } from "../../../src/app/create-app.ts";
import { loginArguments } from "../../../src/app/login/arguments.ts";
import { plannedLogin, startLogin } from "../../../src/app/login/metadata.ts";
import type { LoginPlan } from "../../../src/app/login/plan.ts";
import type { KnownServer } from "../../../src/auth/oauth/authorization-server.ts";
import { MemoryStore } from "../../../src/auth/sessions/memory-store.ts";
import { ManualClock } from "../../helpers/manual-clock.ts";

const issuer = "https://login.example";
const day = 86_400_000;
const clock = new ManualClock();
const published = (token_endpoint: string): object => ({
  issuer,
  authorization_endpoint: `${issuer}/authorize`,
  token_endpoint,
});
const server = published(`${issuer}/known`) as KnownServer["server"];

/** At an issuer with this response; `askedAt`: when the profile's metadata were fetched. */
async function planned(answer: () => Response, askedAt?: number): Promise<LoginPlan> {
  const store = new MemoryStore(clock);
  const app = createApp({ env: {}, options: { issuer }, sessions: store, clock, fetch: async () => answer() });
  const metadata = askedAt === undefined ? undefined : { server, isDiscovered: true, askedAt };
  const profile = { service: issuer, issuer, clientId: "cli", metadata, team: undefined, session: undefined };
  await store.change("default", () => profile);
  return plannedLogin(app, await startLogin(app, loginArguments(app, { force: true })));
}

test("metadata is used for a day from when it was read, and not where that is in the future", async () => {
  const now = clock.now();
  const asked = async (askedAt: number): Promise<boolean> => {
    const { request } = await planned(() => Response.json(published(`${issuer}/new`)), askedAt);
    return request.server.token_endpoint === `${issuer}/new`;
  };
  assert.deepEqual(await Promise.all([now, now - day + 1, now - day, now + 1].map(asked)), [false, false, true, true]);
});

test("an issuer that publishes nothing ends the login; one that is in trouble has the endpoints that it had", async () => {
  const trouble = (): Response => new Response("", { status: 503 });
  for (const status of [404, 503])
    await assert.rejects(
      planned(() => new Response("", { status })),
      { name: "ServiceError" },
    );
  const { request } = await planned(trouble, clock.now() - day);
  assert.equal(request.server.token_endpoint, `${issuer}/known`);
  await assert.rejects(
    planned(() => new Response("", { status: 404 }), clock.now() - day),
    { name: "ServiceError" },
  );
});

test("the issuer of a tool is the default service only if it says that it has no metadata, not while it is in trouble", async () => {
  const answered = (status: number): Promise<LoginPlan> => {
    const fetch = async (): Promise<Response> => new Response("", { status });
    const app = createApp({ env: {}, issuer, sessions: new MemoryStore(clock), clock, fetch });
    return startLogin(app, loginArguments(app, { force: true })).then((start) => plannedLogin(app, start));
  };
  assert.equal((await answered(404)).request.hasOwnApi, true);
  await assert.rejects(answered(503), { name: "ServiceError" });
});
