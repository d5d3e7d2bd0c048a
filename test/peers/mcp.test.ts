// The MCP SDK's own client and server, and our login between them.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, symlinkSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { mcpAuthProvider } from "../../src/app/adapters.ts";
import { createAuth, type Auth, type AuthOptions, type LoginOptions } from "../../src/index.ts";
import { startFakeSaas, type FakeSaas } from "../fake-saas/server.ts";
import { approve } from "../fake-saas/user.ts";
import { runCommand, scratchFolder } from "../helpers/command.ts";
import { example, writeTool } from "../helpers/tool.ts";

const byBrowser: LoginOptions = {
  flow: "browser",
  open: false,
  onAddress: ({ url }) => void approve(url).catch(() => undefined),
};

/** An MCP server whose tokens come from the same origin, where everything but `/mcp` is the fake service. */
async function stage(
  t: TestContext,
  more: Partial<AuthOptions> = {},
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
      if (!(await fetch(`${saas.url}/api/v1/me`, { headers: { authorization } })).ok)
        return response.writeHead(401, { "www-authenticate": 'Bearer error="invalid_token"' }).end();
      const mcp = new McpServer({ name: "acme", version: "1.0.0" });
      mcp.registerTool("whoami", { description: "says who asks" }, () => ({
        content: [{ type: "text", text: "alice" }],
      }));
      const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true });
      response.once("close", () => void transport.close());
      await mcp.connect(transport as never);
      return transport.handleRequest(request, response);
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

/** The names of the server's tools, over a connection of its own. */
async function tools(
  url: string,
  options: ConstructorParameters<typeof StreamableHTTPClientTransport>[1],
): Promise<string[]> {
  const client = new Client({ name: "acme", version: "1.2.0" });
  try {
    await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp`), options) as never);
    return (await client.listTools()).tools.map(({ name }) => name);
  } finally {
    await client.close();
  }
}

test("the MCP SDK's client takes the login as its provider, and has the user log in when the server asks for it", async (t) => {
  const { saas, url, auth } = await stage(t);
  const authProvider = mcpAuthProvider(auth, byBrowser);
  await assert.rejects(tools(url, { authProvider }), UnauthorizedError);
  assert.equal((await auth.session())?.user.email, "alice@example.com");
  const asked = saas.requests.find(({ path }) => path === "/oauth/authorize");
  assert.equal(asked?.query.get("resource"), `${url}/mcp`);
  assert.deepEqual(await tools(url, { authProvider }), ["whoami"]);
});

test("without a login, and with no way to log in, the client ends with an error that says what to type", async (t) => {
  const { url, auth } = await stage(t);
  const refused = { code: "not_authenticated", hint: "Run: acme auth login" };
  await assert.rejects(tools(url, { authProvider: mcpAuthProvider(auth) }), refused);
  await assert.rejects(tools(url, { fetch: auth.fetch }), refused);
});

test("a token refused early is replaced: within the request with auth.fetch, for the next one with the provider alone", async (t) => {
  const { saas, url, auth } = await stage(t);
  await auth.login(byBrowser);
  const revoke = async (): Promise<void> => void saas.accessTokens.delete((await auth.getToken()).token);
  await revoke();
  assert.deepEqual(await tools(url, { authProvider: mcpAuthProvider(auth), fetch: auth.fetch }), ["whoami"]);
  await revoke();
  assert.deepEqual(await tools(url, { fetch: auth.fetch }), ["whoami"]);
  assert.equal(saas.counters.refreshes, 2);
  await revoke();
  const alone = { authProvider: mcpAuthProvider(auth) };
  await assert.rejects(tools(url, alone), UnauthorizedError);
  assert.deepEqual(await tools(url, alone), ["whoami"]);
  assert.deepEqual([saas.counters.refreshes, saas.counters.reuses], [3, 0]);
});

test("sixteen processes of an MCP client on one login whose token is refused make one refresh, and all go on", async (t) => {
  const folder = scratchFolder(t);
  const env = {
    PATH: process.env["PATH"],
    HOME: folder,
    XDG_CONFIG_HOME: join(folder, "config"),
    XDG_RUNTIME_DIR: join(folder, "run"),
    XDG_STATE_HOME: join(folder, "state"),
    ACME_STORAGE: "file",
  };
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
    Array.from({ length: 16 }, () => [0, "whoami\n", ""]),
  );
  assert.deepEqual([saas.counters.refreshes, saas.counters.reuses], [1, 0]);
});
