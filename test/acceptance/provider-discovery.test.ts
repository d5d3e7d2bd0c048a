// Where a login goes, and how that is found. test/app/login/destination.test.ts has the decisions.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Fault } from "../fake-saas/faults.ts";
import { startCommand } from "../helpers/command.ts";
import { loginAt, me, provided } from "../helpers/provided.ts";
import { hurried, scene } from "../helpers/scene.ts";
import { storedProfile } from "../helpers/stored-session.ts";

const nowhere = { SPEC_KITTY_SAAS_URL: undefined };

test("FR-022 one URL is enough: it is the issuer and the service, and is known at the next login", async (t) => {
  const { provider, run, env } = await provided(t, { registers: true });
  const { stdout, stderr } = await run(`auth login ${provider.issuer} --scope openid`, nowhere);
  assert.match(stdout, /^✓ Logged in as alice@example\.com\./, stderr);
  const { service, issuer } = (await storedProfile(env)) ?? {};
  assert.deepEqual([service, issuer], [provider.issuer, provider.issuer]);
  assert.match((await run(`auth login ${provider.issuer}`, nowhere)).stdout, /^✓ Already logged in/);
});

test("FR-022 URL is the issuer of the service that --service names", async (t) => {
  const { provider, service, run, env } = await provided(t, {}, { "/api/v1/me": me });
  const { stdout } = await run(
    `auth login ${provider.issuer} --service ${service} --client-id cli_native --scope openid --profile second`,
    nowhere,
  );
  assert.match(stdout, /alice@acme\.example \(Acme Corp\)/);
  const profile = await storedProfile(env, "second");
  assert.deepEqual([profile?.service, profile?.issuer], [service, provider.issuer]);
});

test("a URL that is neither an issuer nor a service ends the login at once, and no browser opens", async (t) => {
  const { service, requests, run, here } = await provided(t);
  for (const [args, how] of [
    [`auth login ${service}`, run],
    [`auth login --issuer ${service}`, here],
  ] as const) {
    const { code, stderr } = await how(args, nowhere);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^error: "\S+" does not publish the metadata of an issuer: "\S+\/oauth-authorization-server" returned 404, "\S+" returned 404$/m,
    );
    assert.match(stderr, /^hint: Check the URL of the issuer$/m);
  }
  const wellKnown = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];
  assert.deepEqual(
    requests.map(({ path }) => path),
    ["/", ...wellKnown, "/.well-known/oauth-protected-resource", "/api/v1/me", ...wellKnown],
  );
});

const troubles: [string, Fault, RegExp][] = [
  [
    "does not respond",
    { hang: true },
    /^error: "\S+\/\.well-known\/oauth-authorization-server" did not respond in time$/m,
  ],
  ["hangs up", { reset: "before" }, /^error: cannot reach "\S+\/\.well-known\/oauth-authorization-server"/m],
];
for (const [title, fault, message] of troubles) {
  test(`a service that ${title} when its metadata are requested ends the login with exit code 3, before a browser opens`, async (t) => {
    const { saas, env } = await scene(t);
    saas.faults.next("/.well-known/oauth-authorization-server", fault);
    const running = startCommand(t, ["auth", "login"], env, { nodeArgs: fault.hang ? hurried(10_000, 2_000) : [] });
    const { code, stderr } = await running.ended;
    assert.equal(code, 3, stderr);
    assert.match(stderr, message);
    assert.match(stderr, /^hint: /m);
    assert.equal(saas.requests.length, 1);
  });
}

test("metadata that names another issuer ends the login, with the name to use where a / is all that is wrong", async (t) => {
  const { provider, run } = await provided(t);
  provider.misbehaviour = { metadata: (metadata) => ({ ...metadata, issuer: `${provider.issuer}/` }) };
  const slash = await run(loginAt(provider));
  assert.equal(slash.code, 1);
  assert.match(
    slash.stderr,
    new RegExp(
      `^hint: Use that issuer: spec-kitty auth login --issuer ${provider.issuer}/ --client-id cli_native --scope openid$`,
      "m",
    ),
  );
  assert.ok(!provider.paths.includes("/authorize"));
});
