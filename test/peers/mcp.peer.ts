// The MCP SDK's client and server, with our login.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, symlinkSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport, StreamableHTTPError } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { mcpFetch } from "../../src/app/adapters.ts";
import { createAuth, type Auth, type AuthOptions, type LoginOptions } from "../../src/index.ts";
import { startFakeSaas, type FakeSaas } from "../fake-saas/server.ts";
import { approve } from "../fake-saas/user.ts";
import { writeApiExamples } from "../helpers/api-examples.ts";
import { runCommand, scratchFolder } from "../helpers/command.ts";
import { example, writeTool } from "../helpers/tool.ts";

const byBrowser: LoginOptions = {
  flow: "browser",
  open: false,
  onAddress: ({ url }) => void approve(url).catch(() => undefined),
};

/**
 * An MCP server with tokens from the same origin, where everything but `/mcp` is the fake service. Its tool `write`
 * needs the scope `tools:write`.
 *
 * @param open - accepts requests without a token
 */
async function stage(
  t: TestContext,
  more: Partial<AuthOptions> = {},
  open = false,
): Promise<{ saas: FakeSaas; url: string; auth: Auth }> {
  const saas = await startFakeSaas();
  t.after(() => saas.close());
  const server = createServer((request, response) => {
    void (async () => {
      const authorization = request.headers.authorization ?? "";
      if (request.url === "/.well-known/oauth-protected-resource/mcp") {
        return response
          .writeHead(200, { "content-type": "application/json" })
          .end(JSON.stringify({ resource: `${url}/mcp`, authorization_servers: [url] }));
      }
      if (request.url !== "/mcp") {
        const body = request.method === "POST" ? await new Response(request as never).text() : null;
        const {
          host: _,
          connection: __,
          "content-length": ___,
          "transfer-encoding": ____,
          ...headers
        } = request.headers;
        const answer = await fetch(saas.url + request.url, {
          method: request.method ?? "GET",
          headers: headers as Record<string, string>,
          body,
          redirect: "manual",
        });
        response.writeHead(
          answer.status,
          [...answer.headers].filter(([name]) => !/^(connection|content-length|transfer-encoding)$/.test(name)).flat(),
        );
        return response.end(Buffer.from(await answer.arrayBuffer()));
      }
      const me = open ? undefined : await fetch(`${saas.url}/api/v1/me`, { headers: { authorization } });
      if (me?.ok === false)
        return response.writeHead(401, { "www-authenticate": me.headers.get("www-authenticate") ?? "Bearer" }).end();
      const asked = JSON.parse((await new Response(request as never).text()) || "{}") as { params?: { name?: string } };
      const { scope = "" } = saas.accessTokens.get(authorization.replace("Bearer ", ""))?.session ?? {};
      if (asked.params?.name === "write" && !scope.split(" ").includes("tools:write"))
        return response
          .writeHead(403, { "www-authenticate": 'Bearer error="insufficient_scope", scope="tools:write"' })
          .end();
      const mcp = new McpServer({ name: "acme", version: "1.0.0" });
      mcp.registerTool("whoami", { description: "says who asks" }, () => ({
        content: [{ type: "text", text: "alice" }],
      }));
      mcp.registerTool("write", { description: "needs more" }, () => ({
        content: [{ type: "text", text: "written" }],
      }));
      const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true });
      response.once("close", () => void transport.close());
      await mcp.connect(transport as never);
      return transport.handleRequest(request, response, asked);
    })().catch((error: unknown) => response.writeHead(500).end(String(error)));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.closeAllConnections());
  t.after(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    saas,
    url,
    auth: createAuth({
      name: "acme",
      version: "1.2.0",
      issuer: url,
      clientId: "cli_native",
      storage: "memory",
      env: {},
      ...more,
    }),
  };
}

/** On its own connection. */
async function connected<T>(
  url: string,
  fetch: ReturnType<typeof mcpFetch>,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = new Client({ name: "acme", version: "1.2.0" });
  try {
    await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { fetch: fetch as never }) as never);
    return await work(client);
  } finally {
    await client.close();
  }
}

const tools = (url: string, fetch: ReturnType<typeof mcpFetch>): Promise<string[]> =>
  connected(url, fetch, async (client) => (await client.listTools()).tools.map(({ name }) => name));

const both = ["whoami", "write"];

test("logged out: the user logs in when the server asks for it, once, and the same connection goes on", async (t) => {
  const { saas, url, auth } = await stage(t);
  assert.deepEqual(await tools(url, mcpFetch(auth, byBrowser)), both);
  assert.equal((await auth.session())?.user?.email, "alice@example.com");
  const asked = saas.requests.find(({ path }) => path === "/oauth/authorize");
  assert.equal(asked?.query.get("resource"), `${url}/mcp`);
  assert.deepEqual([saas.counters.logins, saas.counters.refreshes], [1, 0]);
});

test("logged out: a server that needs no login is sent no token and asks for none", async (t) => {
  const { saas, url, auth } = await stage(t, {}, true);
  assert.deepEqual(await tools(url, mcpFetch(auth)), both);
  assert.deepEqual(saas.requests, []);
});

test("logged out, and no user to ask: the client ends with an error that says what to type", async (t) => {
  const { url, auth } = await stage(t);
  await assert.rejects(tools(url, mcpFetch(auth)), { code: "not_authenticated", hint: "Run: acme auth login" });
});

test("logged out: requests at the same time wait for one login", async (t) => {
  const { saas, url, auth } = await stage(t);
  const fetch = mcpFetch(auth, byBrowser);
  assert.deepEqual(await Promise.all([tools(url, fetch), tools(url, fetch), tools(url, fetch)]), [both, both, both]);
  assert.equal(saas.counters.logins, 1);
});

test("logged in: a token that the server refuses early is replaced within the request", async (t) => {
  const { saas, url, auth } = await stage(t);
  await auth.login(byBrowser);
  assert.deepEqual(await tools(url, mcpFetch(auth, byBrowser)), both);
  saas.accessTokens.delete((await auth.getToken()).token);
  assert.deepEqual(await tools(url, mcpFetch(auth)), both);
  assert.deepEqual([saas.counters.logins, saas.counters.refreshes, saas.counters.reuses], [1, 1, 0]);
});

test("revoked: the user logs in again and the connection goes on; with no user to ask, the error says what to type", async (t) => {
  const { saas, url, auth } = await stage(t);
  await auth.login(byBrowser);
  const revoke = (): void => [...saas.sessions.keys()].forEach((id) => saas.revoke(id));
  revoke();
  assert.deepEqual(await tools(url, mcpFetch(auth, byBrowser)), both);
  assert.equal(saas.counters.logins, 2);
  revoke();
  await assert.rejects(tools(url, mcpFetch(auth)), { code: "session_ended", hint: /acme auth login$/ });
});

test("step-up: a scope that the server misses is requested with those of the login, once, and the call is sent again", async (t) => {
  const { saas, url, auth } = await stage(t);
  await auth.login(byBrowser);
  const write = (client: Client): Promise<unknown> => client.callTool({ name: "write", arguments: {} });
  const result = await connected(url, mcpFetch(auth, byBrowser), write);
  assert.deepEqual(result, { content: [{ type: "text", text: "written" }] });
  const [first, second] = [...saas.sessions.values()].map(({ scope }) => scope);
  assert.equal(second, `${first} tools:write`);
  assert.deepEqual([saas.counters.logins, saas.counters.refreshes], [2, 0]);

  // The issuer does not grant it: one prompt, however often the server refuses.
  await auth.login({ ...byBrowser, scope: "offline_access api.read" });
  const narrow: LoginOptions = {
    ...byBrowser,
    onAddress: ({ url }) => void approve(url.replace(/(%20|\+)tools%3Awrite/, "")),
  };
  const fetch = mcpFetch(auth, narrow);
  const logins = saas.counters.logins;
  for (let call = 0; call < 3; call += 1)
    await assert.rejects(
      connected(url, fetch, write),
      (error) => error instanceof StreamableHTTPError && error.code === 403,
    );
  assert.deepEqual([saas.counters.logins - logins, saas.counters.refreshes], [1, 0]);
});

test("FR-021 the example of mcpFetch in src/docs/api/README.md lists the tools of a server", async (t) => {
  const folder = scratchFolder(t);
  const env = toolEnvironment(folder);
  const { url, auth } = await stage(t, { storage: "file", env });
  await auth.login(byBrowser);
  writeApiExamples(folder, url, ["@modelcontextprotocol/sdk"]);
  const program = join(folder, "mcpFetch.js");
  const { code, stdout, stderr } = await runCommand(t, [], env, { program, cwd: folder });
  assert.deepEqual([code, stdout, stderr], [0, "[ 'whoami', 'write' ]\n", ""]);
});

/** With files in a directory. */
function toolEnvironment(folder: string): NodeJS.ProcessEnv {
  return {
    PATH: process.env["PATH"],
    HOME: folder,
    XDG_CONFIG_HOME: join(folder, "config"),
    XDG_RUNTIME_DIR: join(folder, "run"),
    XDG_STATE_HOME: join(folder, "state"),
    ACME_STORAGE: "file",
  };
}

test("sixteen processes of an MCP client on one login whose token is refused make one refresh, and all go on", async (t) => {
  const folder = scratchFolder(t);
  const env = toolEnvironment(folder);
  const { saas, url, auth } = await stage(t, { storage: "file", env });
  await auth.login(byBrowser);
  const root = fileURLToPath(new URL("../..", import.meta.url));
  mkdirSync(join(folder, "node_modules", "@modelcontextprotocol"), { recursive: true });
  symlinkSync(root, join(folder, "node_modules", "spec-kitty"), "junction");
  symlinkSync(
    join(root, "test", "peers", "node_modules", "@modelcontextprotocol/sdk"),
    join(folder, "node_modules", "@modelcontextprotocol/sdk"),
    "junction",
  );
  const program = writeTool(example("mcp-client.js"), folder, "mcp-client.mjs", { url });
  saas.accessTokens.delete((await auth.getToken()).token);
  const results = await Promise.all(Array.from({ length: 16 }, () => runCommand(t, [], env, { program, cwd: folder })));
  assert.deepEqual(
    results.map(({ code, stdout, stderr }) => [code, stdout, stderr]),
    Array.from({ length: 16 }, () => [0, "whoami\nwrite\n", ""]),
  );
  assert.deepEqual([saas.counters.refreshes, saas.counters.reuses], [1, 0]);
});
