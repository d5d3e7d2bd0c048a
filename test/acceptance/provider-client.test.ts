// The client at a provider: its secret, its pushed requests, and how what it asked for ends.
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { MockProvider } from "../conformance/mock-provider.ts";
import { loginAt, provided } from "../helpers/provided.ts";
import { filesUnder } from "../helpers/scene.ts";

for (const error of ["consent_required", "interaction_required", "login_required", "account_selection_required"]) {
  test(`a provider that answers ${error} has denied the login: exit code 5`, async (t) => {
    const { provider, run, session } = await provided(t);
    provider.misbehaviour = { redirect: (parameters) => (parameters.delete("code"), parameters.set("error", error)) };
    const { code, stderr } = await run(`${loginAt(provider)} --prompt none`);
    assert.equal(code, 5);
    assert.match(stderr, new RegExp(`^error: the login was denied \\(${error}\\)$`, "m"));
    assert.equal(await session(), undefined);
  });
}

test("an access token that ended with its refresh token has ended: no warning", async (t) => {
  const { provider, run } = await provided(t);
  await run(loginAt(provider));
  provider.misbehaviour = { revoke: ({ token_type_hint: hint }) => (hint === "access_token" ? Response.json({ error: "invalid_token" }, { status: 400 }) : undefined) };
  const { stdout, stderr } = await run("auth logout");
  assert.deepEqual([stdout, stderr], ['✓ Logged out (profile "default"). Revoked: refresh token, access token.\n', ""]);
  // Of a refresh token it is not known what it means.
  await run(loginAt(provider));
  provider.misbehaviour = { revoke: () => Response.json({ error: "invalid_token" }, { status: 400 }) };
  assert.match((await run("auth logout")).stderr, /^warning: the refresh token could not be revoked .*\nwarning: the access token could not be revoked/m);
});

for (const method of ["client_secret_basic", "client_secret_post", "unlisted"] as const) {
  test(`a client secret is presented as the metadata says (${method}), at every endpoint, and kept sealed with the profile`, async (t) => {
    const secret = "not really: secret & shared+";
    const { provider, run, env } = await provided(t, { client: { secret, method }, par: "required", dpop: "nonces" });
    const refused = await run(loginAt(provider));
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /^hint: .*check SPEC_KITTY_CLIENT_ID and, if the issuer gave one, SPEC_KITTY_CLIENT_SECRET$/m);

    const file = join(env["HOME"] ?? "", "client-secret");
    writeFileSync(file, `${secret}\n`);
    assert.equal((await run(`${loginAt(provider)} --client-secret-file ${file}`)).code, 0);
    rmSync(file);
    for (const args of ["auth refresh", "auth login --force", "auth refresh", "auth logout", "auth login", "auth logout"]) assert.equal((await run(args)).code, 0, args);
    // The request without the secret was refused; after that each has it, and UserInfo has never seen it.
    assert.equal(provider.requests.filter(({ path, status }) => status === 401 && path !== "/userinfo").length, 1);
    assert.ok(provider.requests.every(({ path, headers }) => path !== "/userinfo" || headers.authorization?.startsWith("DPoP ")));
    for (const [path, content] of filesUnder(env["HOME"] ?? "")) assert.ok(!content.includes(secret), path);

    const other = await MockProvider.start();
    t.after(() => other.close());
    assert.equal((await run(`${loginAt(other)} --force`)).code, 0);
    assert.ok(other.requests.every(({ form, headers }) => form["client_secret"] === undefined && headers.authorization === undefined || headers.authorization?.startsWith("Bearer ")));
    assert.equal((await run(`${loginAt(provider)} --force --profile variable`, { SPEC_KITTY_CLIENT_SECRET: secret })).code, 0);
  });
}

for (const error of ["use_dpop_nonce", "invalid_dpop_proof"]) {
  test(`a pushed request is sent without a proof where that is refused with ${error}, and the code is bound to the key all the same`, async (t) => {
    const { provider, run, session } = await provided(t, { par: "required", dpop: "nonces" });
    provider.misbehaviour = { provenPush: () => Response.json({ error }, { status: 400, headers: { "dpop-nonce": "of-another-endpoint" } }) };
    assert.equal((await run(loginAt(provider))).code, 0);
    const pushes = provider.requests.filter(({ path }) => path === "/par");
    assert.deepEqual(pushes.map(({ headers }) => headers["dpop"] !== undefined).slice(-2), [true, false]);
    assert.ok(pushes.every(({ form }) => typeof form["dpop_jkt"] === "string"));
    assert.equal((await session())?.tokenType, "DPoP");
  });
}

test("a client secret is read from a file and never from the command line", async (t) => {
  const { run, env } = await provided(t);
  const file = join(env["HOME"] ?? "", "client-secret");
  writeFileSync(file, "two\nlines\n");
  for (const [args, message] of [
    ["--client-secret hunter2hunter2", /^error: "--client-secret" is not an option/m],
    [`--client-secret-file ${file}`, /^error: --client-secret-file: "\S+" does not hold one line of ASCII/m],
    ["--client-secret-file nowhere", /^error: --client-secret-file: cannot read "nowhere" \(ENOENT\)$/m],
  ] as const) {
    const { code, stderr } = await run(`auth login ${args}`);
    assert.equal(code, 2);
    assert.match(stderr, message);
  }
});
