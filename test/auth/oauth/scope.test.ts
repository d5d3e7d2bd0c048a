import assert from "node:assert/strict";
import { test } from "node:test";
import { requestedScope } from "../../../src/auth/oauth/scope.ts";

const server = {
  issuer: "https://login.example",
  authorization_endpoint: "https://login.example/a",
  token_endpoint: "https://login.example/t",
};

const lists: [listed: string[] | undefined, asked: string | undefined, sent: string][] = [
  [undefined, undefined, "offline_access api.read api.write"],
  [undefined, "openid", "openid"],
  [["openid", "email", "offline_access"], undefined, "offline_access openid email"],
  [["openid", "email", "offline_access"], "openid", "offline_access openid"],
  [["openid", "email", "offline_access"], "openid offline_access", "openid offline_access"],
  [["openid", "email"], undefined, "openid email"],
  [["openid", "email"], "projects", "projects"],
  [["openid", "email"], "offline_access openid", "offline_access openid"],
  [["mcp:tools"], undefined, ""],
];
for (const [listed, asked, sent] of lists) {
  test(`a server that lists ${listed?.join(" ") ?? "no scopes"} is asked for ${sent || "none"} with ${asked ? `--scope "${asked}"` : "no --scope"}`, () => {
    assert.equal(requestedScope(asked, { ...server, ...(listed && { scopes_supported: listed }) }, "always"), sent);
  });
}

test("a named issuer that lists no scopes gets none of the default service", () => {
  assert.equal(requestedScope(undefined, server, "listed"), "offline_access");
  assert.equal(requestedScope("projects", server, "listed"), "projects");
});

test("an issuer that is not the default service's gets scopes of OpenID Connect, never those of that service", () => {
  const sent = (more: object): string => requestedScope(undefined, { ...server, ...more }, "never");
  const own = ["api.read", "api.write"];
  assert.equal(sent({ scopes_supported: ["openid", "email", ...own] }), "openid email");
  assert.equal(sent({ scopes_supported: own }), "");
  assert.equal(sent({}), "offline_access");
  assert.equal(sent({ id_token_signing_alg_values_supported: ["RS256"] }), "offline_access openid profile email");
  assert.equal(requestedScope("api.read", server, "never"), "api.read");
});

test("the service of the default endpoints always gets offline_access too", () => {
  assert.deepEqual(
    [undefined, "openid", "a offline_access"].map((asked) => requestedScope(asked, undefined, "always")),
    ["offline_access api.read api.write", "offline_access openid", "a offline_access"],
  );
});
