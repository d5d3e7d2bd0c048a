import assert from "node:assert/strict";
import { test } from "node:test";
import { foreignHost, requireAgreedHost } from "../../../src/auth/flows/agreed-host.ts";

const issuer = "https://login.example";
const request = (more: object, trustedHosts: readonly string[] = []): Parameters<typeof requireAgreedHost>[0] => ({
  service: "https://service.example",
  server: { issuer, authorization_endpoint: `${issuer}/a`, token_endpoint: "https://elsewhere.example/t", ...more },
  trustedHosts,
});

test("S-011 a login begins at the issuer's own origin, or at a host that was agreed to by name", () => {
  const browser = { authorization_endpoint: "https://other.example:8443/a" };
  const device = { device_authorization_endpoint: "https://other.example:8443/d" };
  for (const [more, flow] of [
    [browser, "authorization_code"],
    [device, "device_code"],
  ] as const) {
    assert.equal(foreignHost(request(more), flow), "other.example:8443");
    assert.throws(() => requireAgreedHost(request(more), flow), {
      code: "consent_required",
      message: /"other\.example:8443"/,
    });
    assert.equal(foreignHost(request(more, ["other.example:8443"]), flow), undefined);
    // Neither another port nor a similar name.
    for (const agreed of ["other.example", "other.example:84", "an.other.example:8443"])
      assert.equal(foreignHost(request(more, [agreed]), flow), "other.example:8443", agreed);
  }
  assert.equal(foreignHost(request(device), "authorization_code"), undefined, "the endpoint that is used counts");
  assert.equal(foreignHost(request({}), "device_code"), undefined);
  assert.equal(
    foreignHost(request({ authorization_endpoint: "http://login.example/a" }), "authorization_code"),
    "login.example",
  );
});
