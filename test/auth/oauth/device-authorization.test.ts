import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import type { AuthorizationServer } from "../../../src/auth/oauth/authorization-server.ts";
import {
  deviceAuthorizationRequest,
  deviceAuthorizationResponse,
  deviceCodeGrant,
} from "../../../src/auth/oauth/device-authorization.ts";
import type { ExchangeOptions } from "../../../src/http/request.ts";
import { ServiceError, type AuthError } from "../../../src/base/errors.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { Secret } from "../../../src/base/secret.ts";
import { hintOf } from "../../helpers/hint.ts";

const server: AuthorizationServer = {
  issuer: "https://id.example.com",
  authorization_endpoint: "https://id.example.com/oauth/authorize",
  token_endpoint: "https://id.example.com/oauth/token",
  device_authorization_endpoint: "https://id.example.com/oauth/device",
};

// RFC 8628 §3.2, the example.
const example = {
  device_code: "GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS",
  user_code: "WDJB-MJHT",
  verification_uri: "https://example.com/device",
  verification_uri_complete: "https://example.com/device?user_code=WDJB-MJHT",
  expires_in: 1800,
  interval: 5,
};

const answer = (body: unknown, status = 200): Response =>
  new Response(typeof body === "string" ? body : JSON.stringify(body), { status });

/** A service with one response that records requests. */
function service(reply: Response): { options: ExchangeOptions; asked: { url: string; body: string }[] } {
  const asked: { url: string; body: string }[] = [];
  const fetch: ExchangeOptions["fetch"] = async (url, init) => {
    asked.push({ url: String(url), body: String(init?.body) });
    return reply;
  };
  return { options: { fetch, clock: systemClock }, asked };
}

test("the RFC's example is read unchanged, and the device code does not print itself", async () => {
  const authorization = await deviceAuthorizationResponse(answer(example), server);
  assert.deepEqual({ ...authorization, device_code: authorization.device_code.reveal() }, example);
  assert.doesNotMatch(inspect(authorization) + JSON.stringify(authorization), /GmRhmhcx/);
});

test("FR-019 the user code is kept exactly as the server formats it", async () => {
  for (const user_code of ["ABCD-1234", "abc 123", "123456789", "Ä-B"])
    assert.equal((await deviceAuthorizationResponse(answer({ ...example, user_code }), server)).user_code, user_code);
});

test("FR-018 without an interval the default is 5 seconds", async () => {
  for (const interval of [undefined, null])
    assert.equal((await deviceAuthorizationResponse(answer({ ...example, interval }), server)).interval, 5);
});

test("the URL that holds the code is optional, and unknown members are ignored", async () => {
  const { verification_uri_complete: _, ...rest } = example;
  const authorization = await deviceAuthorizationResponse(answer({ ...rest, message: "hello" }), server);
  assert.equal(authorization.verification_uri_complete, undefined);
});

test("S-007 the URL of the page is shown as a browser reads it", async () => {
  for (const [written, shown] of [
    ["https://example.com", "https://example.com"],
    ["HTTPS://Example.com:443/device", "https://example.com/device"],
    ["https:\\\\evil.example\\@bank.example/", "https://evil.example/@bank.example/"],
    ["https://bаnk.example/device", "https://xn--bnk-6cd.example/device"],
    ["  https://evil.example/ https://bank.example/device", "https://evil.example/%20https://bank.example/device"],
    ["https://evil.example/\n\nhttps://bank.example", "https://evil.example/https://bank.example"],
  ] as const) {
    assert.equal(
      (await deviceAuthorizationResponse(answer({ ...example, verification_uri: written }), server)).verification_uri,
      shown,
    );
  }
});

const wrong: Record<string, unknown[]> = {
  device_code: [undefined, null, "", 7, {}],
  user_code: [undefined, "", 12345678, "A".repeat(101)],
  verification_uri: [
    undefined,
    "",
    7,
    "example.com/device",
    "javascript:alert(1)",
    "file:///etc/passwd",
    "https://",
    "http://a b/",
    "http://example.com/device",
    "https://bank.example@evil.example/",
    "https://:pw@evil.example/",
    "http://127.0.0.1:631/admin",
    "https://localhost./",
    "http://a.localhost/",
    `https://a.example/${"x".repeat(2_000)}`,
  ],
  verification_uri_complete: [
    7,
    "",
    "javascript:alert(1)",
    "data:text/html,x",
    "https://bank.example@evil.example/",
    "http://[::1]:631/admin",
    "http://198.51.100.7/device?user_code=1",
  ],
  expires_in: [undefined, null, 0, -1, "soon"],
  interval: [0, -5, "soon", {}],
};
for (const [name, values] of Object.entries(wrong))
  test(`${name.startsWith("verification") ? "S-007 " : ""}an invalid "${name}" is an error that names it and holds no secret`, async () => {
    for (const value of values)
      await assert.rejects(
        deviceAuthorizationResponse(answer({ ...example, [name]: value }), server),
        (error: ServiceError) => {
          assert.equal(error.code, "service_answer_invalid");
          assert.match(error.message, new RegExp(`"${name}"`));
          assert.doesNotMatch(inspect(error), /GmRhmhcx/);
          return true;
        },
      );
  });

test("a response that is not a JSON object is refused", async () => {
  for (const body of ["<html>", "[]", "null", '"text"', ""])
    await assert.rejects(deviceAuthorizationResponse(answer(body), server), { code: "service_answer_invalid" });
});

test("an error of the server keeps its name, status and meaning", async () => {
  const refused = deviceAuthorizationResponse(answer({ error: "invalid_client" }, 401), server);
  await assert.rejects(refused, { code: "service_rejected", error: "invalid_client", status: 401 });
  await assert.rejects(deviceAuthorizationResponse(answer("busy", 503), server), {
    code: "service_unavailable",
    status: 503,
  });
});

test("C-006 the codes are requested at the device endpoint, with client and scope and nothing else", async () => {
  const { options, asked } = service(answer(example));
  await deviceAuthorizationRequest(server, { client_id: "cli_native", scope: "offline_access api.read" }, options);
  assert.deepEqual(asked, [
    { url: "https://id.example.com/oauth/device", body: "client_id=cli_native&scope=offline_access+api.read" },
  ]);
});

test("C-006 the code is exchanged at the token endpoint, with the grant type of RFC 8628", async () => {
  const { options, asked } = service(answer({ access_token: "at_1", token_type: "Bearer", expires_in: 60 }));
  const tokens = await deviceCodeGrant(server, { client_id: "cli_native", device_code: new Secret("dc_1") }, options);
  assert.equal(tokens.access_token.reveal(), "at_1");
  assert.equal(asked[0]?.url, "https://id.example.com/oauth/token");
  assert.deepEqual(Object.fromEntries(new URLSearchParams(asked[0]?.body)), {
    grant_type: "urn:ietf:params:oauth:grant-type:device_code",
    client_id: "cli_native",
    device_code: "dc_1",
  });
});

test("while the user has not decided, a poll fails with the server's error name", async () => {
  const { options } = service(answer({ error: "authorization_pending" }, 400));
  const poll = deviceCodeGrant(server, { client_id: "cli_native", device_code: new Secret("dc_1") }, options);
  await assert.rejects(poll, (error) => error instanceof ServiceError && error.error === "authorization_pending");
});

test("a server without a device endpoint gets no request, and the hint says what works instead", async () => {
  const { options, asked } = service(answer(example));
  const { device_authorization_endpoint: _, ...other } = server;
  await assert.rejects(
    deviceAuthorizationRequest(other, { client_id: "c", scope: "s" }, options),
    (error: AuthError) => {
      assert.equal(error.code, "configuration_invalid");
      assert.match(hintOf(error), /spec-kitty auth login/);
      return true;
    },
  );
  assert.deepEqual(asked, []);
});
