// A protected resource (RFC 9728), such as an MCP server, leads to its issuer. test/peers has other vendors' servers.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { MockProviderOptions } from "../conformance/mock-provider.ts";
import { provided, type Provided } from "../helpers/provided.ts";

const away = { SPEC_KITTY_SAAS_URL: undefined };
const wellKnown = "/.well-known/oauth-protected-resource";

/** At `/mcp`, with metadata `edited` and a challenge with `parameters`. */
async function resource(
  t: TestContext,
  options: MockProviderOptions,
  {
    edited = {},
    parameters = "",
    path = "/metadata",
    isNamed = true,
  }: { edited?: Record<string, unknown>; parameters?: string; path?: string; isNamed?: boolean } = {},
): Promise<Provided & { address: string }> {
  const answers: Record<string, object> = {};
  const refusals: Record<string, { status: number; headers?: Record<string, string> }> = {};
  const it = await provided(t, options, answers, refusals);
  const address = `${it.service}/mcp`;
  answers[path] = {
    resource: address,
    authorization_servers: [it.provider.issuer],
    scopes_supported: ["tools:read", "tools:call"],
    ...edited,
  };
  refusals["/mcp"] = {
    status: 401,
    headers: isNamed ? { "www-authenticate": `Bearer ${parameters}resource_metadata="${it.service}${path}"` } : {},
  };
  it.provider.misbehaviour = { metadata: ({ userinfo_endpoint: _, ...metadata }) => metadata };
  return { ...it, address };
}

test("a resource leads to its issuer, where this program registers itself, and gets a token for exactly this resource", async (t) => {
  const { provider, requests, run, here, address, session } = await resource(t, { registers: true });
  const { code, stdout, stderr } = await run(`auth login ${address}`, away);
  assert.equal(code, 0, stderr);
  assert.match(stderr, new RegExp(`^${address} accepts the tokens of ${provider.issuer}\\.$`, "m"));
  assert.equal(stdout, `✓ Logged in as ${provider.issuer} (tools:read tools:call). Access token valid for 1 hour.\n`);
  // Only the URL and its metadata were requested, without a token.
  assert.deepEqual(
    requests.map(({ path }) => path),
    ["/mcp", "/metadata"],
  );
  assert.ok(requests.every(({ headers }) => headers.authorization === undefined));
  const [[id, client = {}] = []] = provider.clients;
  assert.deepEqual(
    [client["token_endpoint_auth_method"], client["application_type"], client["client_name"]],
    ["none", "native", "spec-kitty"],
  );
  assert.ok(
    (client["redirect_uris"] as string[]).every((uri) => /^http:\/\/127\.0\.0\.1:28\d{3}\/callback$/.test(uri)),
  );
  const stored = await session();
  assert.deepEqual([stored?.clientId, stored?.resource], [id, address]);
  const asked = new URL(/http:\S+\/authorize\S*/.exec(stderr)?.[0] ?? "").searchParams;
  assert.deepEqual([asked.get("resource"), asked.get("scope")], [address, "tools:read tools:call"]);
  assert.equal((await here("auth refresh", away)).code, 0);
  assert.deepEqual(
    provider.requests.filter(({ path }) => path === "/token").map(({ form }) => form["resource"]),
    [address, address],
  );

  requests.length = 0;
  const { accessToken } = (await session()) ?? {};
  await here(`api POST ${address} -d {}`, away);
  assert.equal(requests[0]?.headers.authorization, `Bearer ${accessToken?.reveal()}`);
  // The neighbor on the host is another resource.
  await here(`api GET ${address.replace("/mcp", "/other")}`, away);
  assert.ok(requests.every(({ path, headers }) => path === "/mcp" || headers.authorization === undefined));
});

test("the client that was registered is kept with the profile, for its issuer alone, and a forced login registers again", async (t) => {
  const { provider, here, address } = await resource(t, { registers: true });
  for (const [args, clients] of [
    [`auth login ${address}`, 1],
    [`auth login ${address}`, 1],
    ["auth logout", 1],
    ["auth login", 1],
    ["auth login --force", 2],
  ] as const) {
    assert.equal((await here(args, away)).code, 0, args);
    assert.equal(provider.clients.size, clients, args);
  }
  const other = await provided(t);
  assert.equal(
    (await here(`auth login --issuer ${other.provider.issuer} --service ${address} --client-id cli_native --yes`, away))
      .code,
    0,
  );
  assert.ok(
    other.provider.requests.every(({ form }) => form["client_id"] === undefined || form["client_id"] === "cli_native"),
  );
});

test("the scope of the challenge takes precedence over the metadata, and --scope over both", async (t) => {
  const { here, address } = await resource(t, { registers: true }, { parameters: 'scope="tools:read", ' });
  const scope = async (args: string): Promise<string | null> =>
    new URL(/http:\S+\/authorize\S*/.exec((await here(`auth login ${args}`, away)).stderr)?.[0] ?? "").searchParams.get(
      "scope",
    );
  assert.equal(await scope(address), "tools:read");
  assert.equal(await scope(`${address} --scope tools:call --profile other`), "tools:call");
});

test("a client of the user's own is used as it is, and its document's URL is one", async (t) => {
  const { provider, here, address } = await resource(t, {});
  assert.equal((await here(`auth login ${address} --client-id cli_native`, away)).code, 0);
  const { code, stderr } = await here(`auth login ${address} --profile second`, away);
  assert.equal(code, 2);
  assert.match(
    stderr,
    new RegExp(
      `^error: "${provider.issuer}" has no client registration, and there is no client ID\nhint: Register .*: spec-kitty auth login ${address} --profile second --client-id ID$`,
      "m",
    ),
  );
});

test("metadata at the well-known URL lead there too, where the refusal does not name them", async (t) => {
  for (const path of [`${wellKnown}/mcp`, wellKnown]) {
    const { here, address, session } = await resource(t, { registers: true }, { path, isNamed: false });
    assert.equal((await here(`auth login ${address}`, away)).code, 0);
    assert.equal((await session())?.resource, address);
  }
});

test("S-001 metadata of another host are not those of the resource: no browser opens, and no token goes there", async (t) => {
  const { provider, run, address, session } = await resource(
    t,
    { registers: true },
    { edited: { resource: "https://bank.example/mcp" } },
  );
  const { code, stderr } = await run(`auth login ${address}`, away);
  assert.equal(code, 1, stderr);
  assert.match(stderr, /^error: "\S+\/metadata" sent the metadata of/m);
  assert.deepEqual(provider.paths, []);
  assert.equal(await session(), undefined);
});

for (const [title, edited] of [
  ["of a neighbor", { resource: "http://127.0.0.1:1/mcp" }],
  ["that name no resource", { resource: undefined }],
  ["that name no issuer", { authorization_servers: [] }],
  ["that name a number of issuers", { authorization_servers: 5 }],
  [
    "of an address that takes the square of its length to read",
    { resource: `https://bank.example/${"/".repeat(400_000)}mcp` },
  ],
  [
    "that name an issuer with a line break in it",
    { authorization_servers: ["https://login.example/\n✓ Logged in as alice@example.com"] },
  ],
  ["that name an issuer in plain http", { authorization_servers: ["http://login.example"] }],
] as const) {
  test(`S-001 metadata ${title} are not those of the resource: no browser opens, and no token goes there`, async (t) => {
    const { provider, here, address, session } = await resource(t, { registers: true }, { edited });
    const { code, stderr } = await here(`auth login ${address}`, away);
    assert.equal(code, 1, stderr);
    assert.match(stderr, /^error: "\S+\/metadata" (sent the metadata of|names no issuer)/m);
    assert.deepEqual(provider.paths, []);
    assert.equal(await session(), undefined);
  });
}

/** A tenant at `/mcp` whose metadata name the host, whose own metadata are `host`. */
async function tenant(t: TestContext, host: object | undefined): Promise<Provided & { address: string }> {
  const answers: Record<string, object> = {};
  const refusals: Record<string, { status: number; headers: Record<string, string> }> = {};
  const it = await provided(t, { registers: true }, answers, refusals);
  const challenge = { "www-authenticate": `Bearer resource_metadata="${it.service}/metadata"` };
  refusals["/mcp"] = { status: 401, headers: challenge };
  const servers = { authorization_servers: [it.provider.issuer] };
  answers["/metadata"] = { resource: it.service, ...servers, scopes_supported: ["of:tenant"] };
  if (host !== undefined)
    answers[wellKnown] = { resource: it.service, ...servers, scopes_supported: ["of:host"], ...host };
  it.provider.misbehaviour = { metadata: ({ userinfo_endpoint: _, ...metadata }) => metadata };
  return { ...it, address: `${it.service}/mcp` };
}

test("S-011 a tenant that names the whole host as its resource gets no token, unless the host says the same of itself", async (t) => {
  for (const host of [undefined, { resource: "https://bank.example" }, { resource: undefined }]) {
    const { provider, here, address } = await tenant(t, host);
    const { code, stderr } = await here(`auth login ${address}`, away);
    assert.equal(code, 1, stderr);
    assert.match(stderr, /^error: "\S+" sent the metadata of .*, not of "/m);
    assert.deepEqual(provider.paths, []);
  }
});

test("S-011 tokens that are good for more than the URL need consent that names both, and are then of the host's own words", async (t) => {
  const { provider, service, here, address, session } = await tenant(t, {});
  const { code, stderr } = await here(`auth login ${address}`, away);
  assert.equal(code, 2);
  assert.match(
    stderr,
    new RegExp(
      `^error: "${address}" requires tokens for all of "${service}", and that needs your approval\nhint: If you .*: spec-kitty auth login ${address} --resource ${service}$`,
      "m",
    ),
  );
  assert.deepEqual(provider.paths, []);
  const agreed = await here(`auth login ${address} --resource ${service}`, away);
  assert.equal(agreed.code, 0, agreed.stderr);
  assert.deepEqual([(await session())?.resource, (await session())?.scope], [service, "of:host"]);
  assert.equal((await here("auth login --force", away)).code, 0, "remembered");
});

test("S-011 a resource that names an issuer gets no token by the client of the environment unless the issuer was agreed to by name", async (t) => {
  const { provider, here, address } = await resource(t, {});
  const ambient = { ...away, SPEC_KITTY_CLIENT_ID: "cli_native" };
  const { host } = new URL(provider.issuer);
  const before = provider.paths.length;
  const { code, stdout, stderr } = await here(`auth login ${address}`, ambient);
  assert.deepEqual([code, stdout], [2, ""]);
  assert.match(
    stderr,
    new RegExp(
      `^error: "${address}" names the issuer "${provider.issuer}", and using the client ID in SPEC_KITTY_CLIENT_ID there needs your approval$`,
      "m",
    ),
  );
  assert.match(
    stderr,
    new RegExp(
      `^hint: Unset SPEC_KITTY_CLIENT_ID\\. If you know .*: spec-kitty auth login ${address} --trust-host ${host}$`,
      "m",
    ),
  );
  assert.ok(
    provider.paths.slice(before).every((path) => path.startsWith("/.well-known/")),
    provider.paths.join(),
  );
  assert.equal((await here(`auth login ${address} --trust-host ${host}`, ambient)).code, 0);
  assert.equal((await here("auth login --force", ambient)).code, 0, "remembered");
  assert.equal(
    (await here(`auth login ${address} --profile other --client-id cli_native`, away)).code,
    0,
    "what is typed with the address is meant for it",
  );
});
