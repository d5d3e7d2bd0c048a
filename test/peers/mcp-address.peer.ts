// The real command logs in to an MCP server by its URL: with the SDK's server, authorization server and client.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { program, stage } from "./stage.ts";

const server = [process.execPath, program("mcp-server.js")];

/** The result of the server's tool, through the SDK's client with this token. */
async function whoami(address: string, token: string): Promise<string> {
  const client = new Client({ name: "peer", version: "1.0.0" });
  const headers = { authorization: `Bearer ${token.trim()}` };
  try {
    await client.connect(new StreamableHTTPClientTransport(new URL(address), { requestInit: { headers } }) as never);
    const { content } = await client.callTool({ name: "whoami", arguments: {} });
    return JSON.stringify(content);
  } finally {
    await client.close();
  }
}

test("an MCP server's URL is enough: its issuer is found, a client is registered, and the token works in the SDK's client", async (t) => {
  const { address, does, run, asked, session } = await stage(t, server);
  const login = await does("auth", "login", address);
  assert.match(
    login.stdout,
    /^✓ Logged in as http:\/\/127\.0\.0\.1:\d+\/ \(tools:call\)\. Access token valid for 1 hour\.\n$/,
  );
  assert.deepEqual(asked(), [
    "GET /mcp 401",
    "GET /.well-known/oauth-protected-resource/mcp 200",
    "GET /.well-known/oauth-authorization-server 200",
    "POST /register 201",
    "GET /authorize 302",
    "POST /token 200",
  ]);
  const { stdout: token } = await does("auth", "token");
  const answer = await whoami(address, token);
  assert.ok(answer.includes(`${address} tools:call`), answer);
  assert.equal((await session()).resource, address);

  await does("auth", "refresh");
  await assert.doesNotReject(whoami(address, (await does("auth", "token")).stdout));
  const call = JSON.stringify({
    jsonrpc: "2.0",
    id: 1,
    method: "tools/call",
    params: { name: "whoami", arguments: {} },
  });
  const answered = await does("api", "POST", address, "-d", call, "-H", "accept: application/json, text/event-stream");
  assert.match(answered.stdout, /tools:call/);

  const { stdout: last } = await does("auth", "token");
  assert.match((await does("auth", "logout")).stdout, /Revoked: refresh token, access token\./);
  await assert.rejects(whoami(address, last), /invalid_token/);
  assert.equal((await run("auth", "token")).code, 4);
});

test("eight processes whose token for an MCP server has expired make one refresh, and the client is registered once", async (t) => {
  const { address, does, asked, wave } = await stage(t, server);
  await does("auth", "login", address);
  asked();
  await wave();
  assert.deepEqual(asked(), ["POST /token 200"]);
  await does("auth", "logout");
  asked();
  await does("auth", "login");
  assert.deepEqual(
    asked().filter((line) => !line.includes("/authorize") && !line.includes("/token")),
    [],
  );
});
