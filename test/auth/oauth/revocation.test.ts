import assert from "node:assert/strict";
import { test } from "node:test";
import { revokeTokens, type Revocation } from "../../../src/auth/oauth/revocation.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { Secret } from "../../../src/base/secret.ts";

async function revoke(
  answers: (Response | Error)[],
  refresh = true,
): Promise<{ results: readonly Revocation[]; bodies: string[] }> {
  const bodies: string[] = [];
  const fetch = async (input: string | URL, init?: RequestInit): Promise<Response> => {
    assert.equal(String(input), "https://as.example/revoke");
    bodies.push(String(init?.body));
    const answer = answers.shift() ?? new Response();
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const grant = {
    client_id: "cli_native",
    refresh_token: refresh ? new Secret("rt") : undefined,
    access_token: new Secret("at"),
  };
  return { results: await revokeTokens("https://as.example/revoke", grant, { fetch, clock: systemClock }), bodies };
}

test("the refresh token is revoked first, then the access token, each with its hint (RFC 7009 §2.1)", async () => {
  const { results, bodies } = await revoke([]);
  assert.deepEqual(bodies, [
    "token=rt&token_type_hint=refresh_token&client_id=cli_native",
    "token=at&token_type_hint=access_token&client_id=cli_native",
  ]);
  assert.deepEqual(results, [
    { token: "refresh_token", error: undefined },
    { token: "access_token", error: undefined },
  ]);
});

test("without a refresh token the access token alone is revoked", async () => {
  assert.deepEqual((await revoke([], false)).bodies, ["token=at&token_type_hint=access_token&client_id=cli_native"]);
});

test("a failure is reported for its token, and the other one is revoked all the same", async () => {
  const { results } = await revoke([
    new Response("", { status: 503 }),
    Response.json({ error: "unsupported_token_type" }, { status: 400 }),
  ]);
  assert.deepEqual(
    results.map(({ token, error }) => [token, error?.code]),
    [
      ["refresh_token", "service_unavailable"],
      ["access_token", "service_rejected"],
    ],
  );
  const half = await revoke([new Response(), new Response("", { status: 503 })]);
  assert.deepEqual(
    half.results.map(({ error }) => error?.code),
    [undefined, "service_unavailable"],
  );
  const offline = await revoke([new TypeError("fetch failed"), new Response()]);
  assert.deepEqual(
    offline.results.map(({ error }) => error?.code),
    ["network_unavailable", undefined],
  );
});

test("no result holds a token", async () => {
  const { results } = await revoke([new Response("rt at", { status: 500 }), new TypeError("fetch failed")]);
  assert.doesNotMatch(results.map(({ error }) => error?.message).join(" "), /\b(rt|at)\b/);
});
