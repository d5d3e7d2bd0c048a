import assert from "node:assert/strict";
import { test } from "node:test";
import { parseServiceUrl, shownAddress } from "../../src/base/address.ts";
import { refusedWith } from "../helpers/hint.ts";

test("the URL of a service is one of https, or of this machine, and nothing but a base", () => {
  for (const [what, error] of [
    ["service.example", /SPEC_KITTY_SAAS_URL is "service\.example", not a URL such as https:/],
    ["ftp://service.example", /must be https, not "ftp:"/],
    ["http://service.example", /must be https/],
    // Only looks like loopback.
    ["http://127.0.0.1.evil.example", /must be https/],
    ["http://localhost.evil.example", /must be https/],
    ["https://alice:hunter2@service.example", /^SPEC_KITTY_SAAS_URL must not contain a user name or password/],
    ["https://service.example/?tenant=1", /must have no query and no fragment/],
    ["https://service.example/#top", /must have no query and no fragment/],
    ["https://service.example/?", /must have no query and no fragment/],
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

test("S-005 a URL in a message has no query and no fragment, where codes and states are", () => {
  for (const address of ["http://127.0.0.1:1/callback?code=c0de&state=s", "http://127.0.0.1:1/callback#code=c0de"])
    for (const given of [address, new URL(address)]) assert.equal(shownAddress(given), '"http://127.0.0.1:1/callback"');
});
