import assert from "node:assert/strict";
import { test } from "node:test";
import { codeChallenge, createCodeVerifier } from "../../../src/auth/oauth/pkce.ts";
import { Secret } from "../../../src/base/secret.ts";

test("FR-004 the verifier of RFC 7636 appendix B gives the challenge printed there", () => {
  const verifier = new Secret("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
  assert.equal(codeChallenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
});

test("FR-004 a verifier has 43 unreserved characters and no two are the same", () => {
  const verifiers = Array.from({ length: 1000 }, () => createCodeVerifier().reveal());
  for (const verifier of verifiers) assert.match(verifier, /^[A-Za-z0-9_-]{43}$/);
  assert.equal(new Set(verifiers).size, verifiers.length);
});
