// Secrets outside of any list, in --verbose and --debug.
import assert from "node:assert/strict";
import { test } from "node:test";
import { AuthError, evidence } from "../../src/base/errors.ts";
import { maskedAddress } from "../../src/base/secret.ts";
import { runHere } from "../helpers/command-here.ts";
import { loggedInScene } from "../helpers/queue.ts";
import { echo } from "../helpers/scene.ts";

test("S-005 --verbose shows a header or a parameter only if its name is known to be harmless", async (t) => {
  const { saas, env } = await loggedInScene(t);
  saas.faults.next(echo, {
    status: 200,
    body: {},
    headers: {
      "Content-Type": "application/json",
      "Cf-Access-Jwt-Assertion": "hunter2",
      "X-Forwarded-User": "hunter2",
      Location: "https://hunter2:hunter2@elsewhere.example/a?SAMLResponse=hunter2&page=2#hunter2",
      Link: '<https://hunter2@elsewhere.example/?page=3&jwt=hunter2>; rel="next"',
      "WWW-Authenticate": 'Negotiate hunter2, error="invalid_token", nonce="hunter2"',
    },
  });
  const path = `${echo}?page=1&jwt=hunter2;SAMLResponse=hunter2&hunter2`;
  const { code, stderr } = await runHere(
    ["api", path, "--verbose", "-H", "X-Password: hunter2", "-H", "X-Team-Slug: shown"],
    env,
  );
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stderr, /hunter2/);
  for (const shown of [
    `GET ${saas.url}${echo}?page=1&jwt=[secret];SAMLResponse=[secret]&[secret]\n`,
    "    x-password: [secret]\n",
    "    x-team-slug: shown\n",
    "    cf-access-jwt-assertion: [secret]\n",
    "    x-forwarded-user: [secret]\n",
    "    location: https://[secret]@elsewhere.example/a?SAMLResponse=[secret]&page=2#[secret]\n",
    '    link: <https://[secret]@elsewhere.example/?page=3&jwt=[secret]>; rel="next"\n',
    '    www-authenticate: Negotiate error="invalid_token"\n',
    "    content-type: application/json\n",
  ])
    assert.ok(stderr.includes(shown), `${shown} in\n${stderr}`);
});

test("S-005 no message and no cause shows a user name, a password or an unknown parameter of a URL", () => {
  const said =
    "cannot be constructed: https://hunter2:hunter2@service.example/a?jwt=hunter2&page=1#hunter2 (it has credentials)";
  const error = new AuthError("network_unavailable", said, {
    hint: "Try again",
    cause: new Error(said, { cause: new AggregateError([new TypeError(said)], "several") }),
  });
  const shown =
    "cannot be constructed: https://[secret]@service.example/a?jwt=[secret]&page=1#[secret] (it has credentials)";
  assert.equal(error.message, shown);
  assert.doesNotMatch(evidence(error), /hunter2/);
  assert.doesNotMatch(evidence(new TypeError(said)), /hunter2/);
  // A crash report shows kept causes.
  assert.doesNotMatch(String((error.cause as Error).stack), /hunter2/);
});

for (const [address, shown] of [
  ["/a/b?page=2", "/a/b?page=2"],
  ["/a?hunter2", "/a?[secret]"],
  ["//hunter2:x@host/a", "//[secret]@host/a"],
  ["https:\\\\hunter2@host", "https:\\\\[secret]@host"],
  ["https://a@hunter2@host", "https://[secret]@host"],
  ["https://host/a@b?=hunter2", "https://host/a@b?=[secret]"],
  ["https://host?page=1?jwt=hunter2", "https://host?page=1?jwt=[secret]"],
] as const) {
  test(`S-005 the URL ${address} is logged as ${shown}`, () => assert.equal(maskedAddress(address), shown));
}
