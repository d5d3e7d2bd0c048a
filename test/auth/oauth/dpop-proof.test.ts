import assert from "node:assert/strict";
import { test } from "node:test";
import { dpopThumbprint } from "../../../src/auth/oauth/dpop-proof.ts";
import { Secret } from "../../../src/base/secret.ts";

test("the EC key of RFC 9449 §6.1 has the thumbprint printed there, and so has its private half, whatever else it holds", () => {
  const key = {
    kty: "EC",
    crv: "P-256",
    x: "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
    y: "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
  };
  assert.equal(dpopThumbprint(new Secret(JSON.stringify(key))), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
  assert.equal(
    dpopThumbprint(new Secret(JSON.stringify({ kid: "1", alg: "ES256", ...key, d: "private" }))),
    "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I",
  );
});
