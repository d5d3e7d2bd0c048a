// Issuers whose metadata or browser lead to another server, to get its code (S-011).
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { MockProvider } from "../conformance/mock-provider.ts";
import { approve } from "../fake-saas/user.ts";
import { startCommand, type CommandEnvironment, type CommandResult } from "../helpers/command.ts";
import { noTerminal, startOnTerminal } from "../helpers/pseudo-terminal.ts";
import { scene, type Scene } from "../helpers/scene.ts";

interface Stage extends Scene {
  issuer: MockProvider;
  /** Such as `127.0.0.1:41234`. */
  issuerHost: string;
}

/**
 * The user's service, and an issuer with changed metadata. Its redirects do not name it, unless the metadata says so.
 */
async function stage(
  t: TestContext,
  change: (metadata: Record<string, unknown>, at: Stage) => Record<string, unknown> = (same) => same,
): Promise<Stage> {
  const issuer = await MockProvider.start();
  t.after(() => issuer.close());
  // The issuer is its own service, as with only its URL given.
  const at: Stage = {
    ...(await scene(t, {}, { SPEC_KITTY_SAAS_URL: undefined, SPEC_KITTY_CLIENT_ID: "cli_native" })),
    issuer,
    issuerHost: new URL(issuer.issuer).host,
  };
  issuer.misbehaviour = {
    metadata: ({ authorization_response_iss_parameter_supported: _, ...metadata }) => change(metadata, at),
    redirect: (parameters) => parameters.delete("iss"),
  };
  return at;
}

/** On its own host. */
async function front(t: TestContext, issuer: MockProvider): Promise<string> {
  const server = createServer((request, response) =>
    response.writeHead(302, { location: issuer.issuer + String(request.url) }).end(),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => void server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const wellKnown = (path: string): boolean => path.startsWith("/.well-known/");

/** A login that would begin elsewhere: only metadata was requested, and no browser opened. */
function assertRefused(
  { saas, issuer, issuerHost }: Stage,
  { code, stdout, stderr }: CommandResult,
  repeated: string,
): void {
  const host = new URL(saas.url).host;
  assert.deepEqual([code, stdout], [2, ""]);
  assert.match(
    stderr,
    new RegExp(
      `^error: logins at "${issuer.issuer}" use a login page on another host, "${host}", and that needs your approval$`,
      "m",
    ),
  );
  assert.match(
    stderr,
    new RegExp(
      `^hint: If you know from another source that ${host} belongs to ${issuerHost}, log in again: spec-kitty auth login ${issuer.issuer} --trust-host ${host}${repeated}$`,
      "m",
    ),
  );
  assert.deepEqual(
    saas.requests.filter(({ path }) => !wellKnown(path)),
    [],
  );
  assert.deepEqual(
    issuer.paths.filter((path) => !wellKnown(path)),
    [],
  );
}

test("S-011 an issuer with the authorization_endpoint of another server gets nothing of it, and nothing is opened, with --yes or without", async (t) => {
  const at = await stage(t, (metadata, { saas }) => ({
    ...metadata,
    authorization_endpoint: `${saas.url}/oauth/authorize`,
  }));
  assertRefused(at, await at.run(`auth login --issuer ${at.issuer.issuer} --yes --force`), " --force --yes");
  assertRefused(at, await at.here(`auth login --issuer ${at.issuer.issuer}`), "");
});

test("S-011 an issuer with the device_authorization_endpoint of another server gets nothing of it, with --yes", async (t) => {
  const at = await stage(t, (metadata, { saas }) => ({
    ...metadata,
    device_authorization_endpoint: `${saas.url}/oauth/device`,
  }));
  assertRefused(
    at,
    await at.here(`auth login --issuer ${at.issuer.issuer} --headless --yes --force`),
    " --force --yes",
  );
});

test("S-011 a host that was agreed to by name is saved by the profile, for this issuer alone", async (t) => {
  let host = "";
  const change = (metadata: Record<string, unknown>): Record<string, unknown> => ({
    ...metadata,
    authorization_endpoint: `http://${host}/authorize`,
  });
  const at = await stage(t, change);
  host = await front(t, at.issuer);
  const login = `auth login --issuer ${at.issuer.issuer} --scope openid`;
  assert.equal((await at.here(`${login} --trust-host elsewhere.example`)).code, 2, "another host was agreed to");
  assert.equal((await at.here(`${login} --trust-host elsewhere.example --trust-host ${host}`)).code, 0);
  assert.equal((await at.here("auth login --force")).code, 0);
  await at.here("auth logout");
  assert.equal((await at.here("auth login")).code, 0);

  const liar = await stage(t, change);
  const { code, stderr } = await at.here(`auth login --yes --issuer ${liar.issuer.issuer} --scope openid`);
  assert.equal(code, 2);
  assert.match(stderr, /and that needs your approval$/m);
});

test("S-011 on a terminal a prompt names both hosts, and only a yes goes on", {
  skip: noTerminal,
}, async (t) => {
  let host = "";
  const at = await stage(t, (metadata) => ({ ...metadata, authorization_endpoint: `http://${host}/authorize` }));
  host = await front(t, at.issuer);
  for (const [answer, code] of [
    ["", 2],
    ["y", 0],
  ] as const) {
    at.issuer.requests.length = 0;
    const running = startOnTerminal(t, ["auth", "login", "--issuer", at.issuer.issuer, "--scope", "openid"], at.env);
    await running.shows(new RegExp(`Logins at ${at.issuer.issuer} use a login page on another host: ${host}\\.`));
    await running.shows(new RegExp(`Trust ${host} with logins at ${at.issuerHost}\\? \\[y/N\\] `));
    assert.ok(at.issuer.paths.every(wellKnown));
    running.type(`${answer}\n`);
    assert.equal((await running.ended).code, code, running.stdout());
  }
  assert.equal((await at.here("auth login --force")).code, 0, "the answer is remembered");
});

test("an endpoint for tokens elsewhere needs no agreement", async (t) => {
  let tokens = "";
  const at = await stage(t, (metadata) => ({ ...metadata, token_endpoint: tokens, userinfo_endpoint: undefined }));
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const answer = await fetch(`${at.issuer.issuer}/token`, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: Buffer.concat(chunks),
    });
    response.writeHead(answer.status, { "content-type": "application/json" }).end(await answer.text());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => void server.close());
  tokens = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
  const { code, stderr } = await at.here(`auth login --issuer ${at.issuer.issuer} --scope openid`);
  assert.equal(code, 0, stderr);
});

/** Of a login's redirect URI. */
async function redirectPath(at: Stage, args: string, more: CommandEnvironment = {}): Promise<string> {
  const { code, stderr } = await at.here(`auth login --force --yes ${args}`.trim(), more);
  assert.equal(code, 0, stderr);
  const [address = ""] = /http:\S+authorize\?\S+/.exec(stderr) ?? [];
  return new URL(new URL(address).searchParams.get("redirect_uri") ?? "").pathname;
}

test("S-011 each issuer has a redirect path of its own, the default service and issuers that name themselves have the usual one", async (t) => {
  const at = await stage(t);
  const { issuer: other } = await stage(t);
  const named = await MockProvider.start();
  t.after(() => named.close());
  const pathOf = (args: string): Promise<string> => redirectPath(at, args);
  const own = await pathOf(`--issuer ${at.issuer.issuer}`);
  assert.match(own, /^\/callback\/[\w-]{12}$/);
  assert.equal(await pathOf(`--issuer ${at.issuer.issuer}`), own, "also when it is named again");
  assert.match(await pathOf(`--issuer ${other.issuer}`), /^\/callback\/[\w-]{12}$/);
  assert.notEqual(await pathOf(`--issuer ${other.issuer}`), own);
  assert.equal(await pathOf(`--issuer ${named.issuer}`), "/callback");
  assert.equal(await pathOf(at.saas.url), "/callback");
  assert.equal(await redirectPath(at, "--profile first", { SPEC_KITTY_SAAS_URL: at.saas.url }), "/callback");
});

test("S-011 a hostile issuer that sends the browser on to another server gets neither its code nor ends the login", async (t) => {
  const at = await stage(t, (metadata, { issuer }) => ({
    ...metadata,
    authorization_endpoint: `${issuer.issuer}/lure`,
  }));
  const running = startCommand(t, ["auth", "login", "--no-browser", "--issuer", at.issuer.issuer], at.env);
  const [address] = await running.shows(/http:\S+\/lure\?\S+/);
  // The issuer's page would redirect the same request to the server where the user is logged in.
  const lured = new URL(`${at.saas.url}/oauth/authorize${new URL(address).search}`);
  assert.match((await approve(lured.href)).page, /the redirect URL is not registered/);
  const redirect = new URL(lured.searchParams.get("redirect_uri") ?? "");
  lured.searchParams.set("redirect_uri", `${redirect.origin}/callback`);
  const { status, callback = "" } = await approve(lured.href);
  assert.equal(new URL(callback).searchParams.has("code"), true);
  assert.equal(status, 404);
  assert.ok(
    at.issuer.paths.every((path) => wellKnown(path)),
    at.issuer.paths.join(),
  );
  running.child.kill("SIGINT");
  assert.equal((await running.ended).code, 130);
});

test("S-011 nothing here shows that a hostile issuer has registered the redirect path elsewhere, so the terminal says at which host to approve", async (t) => {
  const at = await stage(t, (metadata, { issuer }) => ({
    ...metadata,
    authorization_endpoint: `${issuer.issuer}/lure`,
  }));
  const elsewhere = await MockProvider.start({ registers: true });
  t.after(() => elsewhere.close());
  elsewhere.misbehaviour = { redirect: (parameters) => parameters.delete("iss") };
  const running = startCommand(t, ["auth", "login", "--no-browser", "--issuer", at.issuer.issuer], at.env);
  const [address] = await running.shows(/http:\S+\/lure\?\S+/);
  assert.ok((await running.shows(/^Approve at (\S+) only\.$/m))[1] === at.issuerHost);
  // The issuer meanwhile uses the redirect URL it got (RFC 7591).
  const lured = new URL(`${elsewhere.issuer}/authorize${new URL(address).search}`);
  const client = { redirect_uris: [lured.searchParams.get("redirect_uri")] };
  const registered = await fetch(`${elsewhere.issuer}/register`, { method: "POST", body: JSON.stringify(client) });
  lured.searchParams.set("client_id", ((await registered.json()) as { client_id: string }).client_id);
  await fetch(lured);
  await running.ended;
  assert.ok(at.issuer.paths.includes("/token"), "the model admits it: the code went to the issuer");
});

test("--redirect-path is for issuers that know only one, and is saved; a new profile's login says what the issuer must know", async (t) => {
  const at = await stage(t);
  const first = await at.here(`auth login --issuer ${at.issuer.issuer} --scope openid`);
  assert.match(
    first.stderr,
    /^The redirect URL is http:\/\/127\.0\.0\.1:\d+\/callback\/[\w-]{12}\. Register it for this client, for any port\.$/m,
  );
  const again = await at.here("auth login --force --redirect-path /oauth/callback");
  assert.equal(again.code, 0, again.stderr);
  assert.doesNotMatch(again.stderr, /redirect URL is/);
  assert.equal(await redirectPath(at, ""), "/oauth/callback");
});
