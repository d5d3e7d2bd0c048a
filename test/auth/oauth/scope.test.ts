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
    assert.equal(requestedScope(asked, { ...server, ...(listed && { scopes_supported: listed }) }), sent);
  });
}

test("an issuer that somebody named, and that lists no scopes, is not asked for those of the defaults", () => {
  assert.equal(requestedScope(undefined, server, true), "offline_access");
  assert.equal(requestedScope("projects", server, true), "projects");
});

test("the service of the default endpoints is always asked for offline_access too", () => {
  assert.deepEqual(
    [undefined, "openid", "a offline_access"].map((asked) => requestedScope(asked, undefined)),
    ["offline_access api.read api.write", "offline_access openid", "a offline_access"],
  );
});
