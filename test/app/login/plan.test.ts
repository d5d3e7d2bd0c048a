import assert from "node:assert/strict";
import { test } from "node:test";
import { createApp } from "../../../src/app/create-app.ts";
import { destination } from "../../../src/app/login/destination.ts";
import { loginArguments, type LoginArguments } from "../../../src/app/login/arguments.ts";
import { plan, type LoginPlan } from "../../../src/app/login/plan.ts";
import type { AuthorizationServer, KnownServer } from "../../../src/auth/oauth/authorization-server.ts";
import type { Profile } from "../../../src/auth/sessions/session.ts";
import { refusedWith } from "../../helpers/hint.ts";
import { describeEnvironment, type EnvironmentFacts } from "../../../src/platform/browser-or-device.ts";

const issuer = "https://login.example";
const server: AuthorizationServer = {
  issuer,
  authorization_endpoint: `${issuer}/authorize`,
  token_endpoint: `${issuer}/token`,
};
const device = { device_authorization_endpoint: `${issuer}/device` };

const facts = (env: EnvironmentFacts["env"]): EnvironmentFacts => ({
  env,
  platform: "linux",
  uid: 1000,
  files: {},
  consoleUid: undefined,
  stdinIsTTY: true,
});
const here = describeEnvironment(facts({ DISPLAY: ":0" }));
const overSsh = describeEnvironment(facts({ SSH_CONNECTION: "set" }));

/** With the issuer's metadata. */
function planned(
  asked: Partial<LoginArguments> = {},
  metadata: AuthorizationServer = server,
  profile?: Profile,
  options: { readonly issuer?: string; readonly service?: string; readonly "client-id"?: string } = {
    issuer,
    "client-id": "given",
  },
  found: Omit<KnownServer, "server"> = { isDiscovered: true, askedAt: 0 },
): LoginPlan {
  const app = createApp({ env: {}, options });
  const args = { ...loginArguments(app, { force: false }), environment: here, now: 0, ...asked };
  const to = destination(args, { name: "default", source: "active", profile }, undefined);
  return plan(args, to, { server: metadata, ...found });
}

for (const [title, asked, metadata, expected] of [
  ["a screen", {}, { ...server, ...device }, ["browser", true]],
  ["no browser here", { environment: overSsh }, { ...server, ...device }, ["device", false]],
  ["no browser here and no device endpoint", { environment: overSsh }, server, ["browser", false]],
  ["--headless and no device endpoint", { environment: overSsh, flow: "device" }, server, ["device", false]],
  ["--no-browser", { open: false }, { ...server, ...device }, ["browser", false]],
] as const) {
  test(`with ${title} the login is ${expected[0] === "device" ? "with a code" : expected[1] ? "through the browser" : "through a browser elsewhere"}`, () => {
    const { login, opens } = planned(asked, metadata);
    assert.deepEqual([login, opens], expected);
  });
}

test("what a profile remembers of its issuer is in the next plan, and nothing of it in that for another issuer", () => {
  const profile: Profile = {
    service: issuer,
    issuer,
    clientId: "mine",
    scope: "openid projects",
    redirectPath: "/done",
    trustedHosts: ["other.example"],
    team: "tm_acme",
    session: undefined,
  };
  const nobodys = { issuer };
  const { request, profile: remembered } = planned({}, server, profile, nobodys);
  assert.deepEqual(
    [request.clientId, request.scope, request.redirectPath, request.trustedHosts, remembered.team],
    ["mine", "openid projects", "/done", ["other.example"], "tm_acme"],
  );
  const other: Profile = { ...profile, service: "https://other.example", issuer: undefined };
  const elsewhere = planned({}, { ...server, registration_endpoint: `${issuer}/register` }, other, nobodys);
  assert.deepEqual(
    [elsewhere.registersAt, elsewhere.request.redirectPath === "/done", elsewhere.request.trustedHosts],
    [`${issuer}/register`, false, []],
  );
});

test("a plan binds tokens where the issuer can and the user wants it, and registers a client where none is named", () => {
  const able = {
    ...server,
    dpop_signing_alg_values_supported: ["ES256"],
    registration_endpoint: `${issuer}/register`,
  };
  assert.deepEqual(
    [planned({}, able).binds, planned({ dpop: false }, able).binds, planned().binds],
    [true, false, false],
  );
  assert.equal(planned({}, able, undefined, { issuer }).registersAt, `${issuer}/register`);
  assert.equal(planned({}, able).registersAt, undefined);
});

test("S-011 an unknown issuer without registration does not get the client and the scopes of the defaults", () => {
  const nobodys = { issuer };
  for (const asked of [{}, { flow: "device" }, { open: false }] as const)
    assert.throws(
      () => planned(asked, { ...server, ...device }, undefined, nobodys),
      refusedWith(
        "configuration_invalid",
        /^"https:\/\/login\.example" has no client registration, and there is no client ID$/,
        /^Register this program there, then run: spec-kitty auth login --client-id ID$/,
      ),
    );
  assert.equal(planned().request.scope, "offline_access");
  // An issuer that lists them, and serves another named service, is of the same kind and may know the client.
  const listed = { ...server, scopes_supported: ["api.read", "api.write", "offline_access"] };
  const { request, mayBeKnown } = planned({}, listed, undefined, nobodys);
  assert.deepEqual(
    [request.clientId, request.scope, mayBeKnown],
    ["cli_native", "offline_access api.read api.write", true],
  );
});

test("without metadata no ID token is requested, and what a response did not settle is not saved", () => {
  const asked = { scope: "openid" };
  assert.equal(planned(asked).request.isOpenId, true);
  assert.equal(planned().profile.metadata?.server, server);
  const unsettled = planned(asked, server, undefined, undefined, { isDiscovered: false, askedAt: undefined });
  assert.deepEqual([unsettled.request.isOpenId, unsettled.profile.metadata], [false, undefined]);
});

test("only at a service of the default's kind is the user requested from an endpoint that nothing names", () => {
  const hasOwnApi = (options: Parameters<typeof planned>[3], profile?: Profile, tool: object = {}): boolean => {
    const { settings } = createApp({ env: {}, options: { ...options }, ...tool });
    return planned({ settings: { ...settings, clientId: { value: "given", source: "clientId" } } }, server, profile)
      .request.hasOwnApi;
  };
  const service = "https://service.example";
  assert.equal(hasOwnApi({ service }), true);
  assert.equal(hasOwnApi({ service, issuer }), true);
  assert.equal(hasOwnApi({ issuer }), false, "it is whatever its metadata say");
  for (const more of [{}, { service }])
    assert.equal(hasOwnApi({}, undefined, { issuer, ...more }), false, "its author knows what it is");
  const resource: Profile = {
    service,
    issuer,
    resource: service,
    clientId: "mine",
    team: undefined,
    session: undefined,
  };
  assert.equal(hasOwnApi({ service }, resource), false, "a protected resource has an API of its own");
});
