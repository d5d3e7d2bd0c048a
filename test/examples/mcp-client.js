// An MCP client that lists the server's tools. Any number of them share one login and refresh it once.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { createAuth } from "spec-kitty";
import { mcpFetch } from "spec-kitty/adapters";

const auth = createAuth({
  name: "acme",
  version: "1.2.0",
  service: "https://mcp.acme.example",
  issuer: "https://login.acme.example",
  clientId: "acme-cli",
  scope: "openid offline_access projects",
});
const fetch = mcpFetch(auth, {
  onAddress: ({ url }) => console.error(`Log in at ${url}`),
  onCode: ({ userCode, verificationUri }) => console.error(`Enter ${userCode} at ${verificationUri}`),
});

const client = new Client({ name: "acme", version: "1.2.0" });
await client.connect(new StreamableHTTPClientTransport(new URL("https://mcp.acme.example/mcp"), { fetch }));
const { tools } = await client.listTools();
console.log(tools.map(({ name }) => name).join("\n"));
await client.close();
