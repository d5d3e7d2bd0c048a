import assert from "node:assert/strict";
import { test } from "node:test";
import { parseServiceUrl, shownAddress } from "../../src/base/address.ts";
import { refusedWith } from "../helpers/hint.ts";

test("the address of a service is one of https, or of this machine, and nothing but a base", () => {
  for (const [what, error] of [
    ["service.example", /SPEC_KITTY_SAAS_URL is "service\.example", which is not an address such as https:/],
    ["ftp://service.example", /"https:" is needed, not "ftp:"/],
    ["http://service.example", /plain http is for this machine only/],
    // Only looks like loopback.
    ["http://127.0.0.1.evil.example", /plain http is for this machine only/],
    ["http://localhost.evil.example", /plain http is for this machine only/],
    ["https://alice:hunter2@service.example", /^SPEC_KITTY_SAAS_URL contains a user name or password/],
    ["https://service.example/?tenant=1", /a query or a fragment cannot be part of it/],
    ["https://service.example/#top", /a query or a fragment cannot be part of it/],
    ["https://service.example/?", /a query or a fragment cannot be part of it/],
  ] as const) {
    assert.throws(
      () => parseServiceUrl(what, "SPEC_KITTY_SAAS_URL"),
      refusedWith("configuration_invalid", error, /export SPEC_KITTY_SAAS_URL=https:\/\/service\.example/),
      what,
    );
  }
  assert.equal(
    parseServiceUrl("http://127.0.0.1:8080/tenants/acme/", "SPEC_KITTY_SAAS_URL"),
    "http://127.0.0.1:8080/tenants/acme",
  );
});

test("S-005 an address in a message has no query and no fragment, where codes and states are", () => {
  for (const address of ["http://127.0.0.1:1/callback?code=c0de&state=s", "http://127.0.0.1:1/callback#code=c0de"])
    for (const given of [address, new URL(address)]) assert.equal(shownAddress(given), '"http://127.0.0.1:1/callback"');
});
