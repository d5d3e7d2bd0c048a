// An MCP server and, on another port, its authorization server, both made with the MCP SDK. Prints the URL of the MCP
// server, then a line for each request.
import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createMcpExpressApp } from "@modelcontextprotocol/sdk/server/express.js";
import { InvalidGrantError, InvalidTokenError } from "@modelcontextprotocol/sdk/server/auth/errors.js";
import { requireBearerAuth } from "@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js";
import {
  createOAuthMetadata,
  getOAuthProtectedResourceMetadataUrl,
  mcpAuthMetadataRouter,
  mcpAuthRouter,
} from "@modelcontextprotocol/sdk/server/auth/router.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";

const clients = new Map();
const codes = new Map();
const refreshTokens = new Map();
const accessTokens = new Map();

/** Refresh tokens rotate; a repeated one ends its login. */
function issue(grant) {
  const [access, refresh] = [randomUUID(), randomUUID()];
  accessTokens.set(access, grant);
  refreshTokens.set(refresh, { grant, isSpent: false });
  return {
    access_token: access,
    refresh_token: refresh,
    token_type: "Bearer",
    expires_in: 3600,
    scope: grant.scopes.join(" "),
  };
}

const provider = {
  clientsStore: {
    getClient: (id) => clients.get(id),
    registerClient: (client) => (clients.set(client.client_id, client), client),
  },
  async authorize(client, { state, scopes = [], redirectUri, codeChallenge, resource }, response) {
    const code = randomUUID();
    codes.set(code, { client, scopes, codeChallenge, resource });
    response.redirect(`${redirectUri}?${new URLSearchParams({ code, state })}`);
  },
  challengeForAuthorizationCode: async (_client, code) =>
    codes.get(code)?.codeChallenge ?? createHash("sha256").digest("base64url"),
  async exchangeAuthorizationCode(client, code, _verifier, _redirectUri, resource) {
    const grant = codes.get(code);
    codes.delete(code);
    if (grant?.client !== client || String(grant.resource) !== String(resource))
      throw new InvalidGrantError("not such a code");
    return issue({ ...grant, isEnded: false });
  },
  async exchangeRefreshToken(client, token, _scopes, resource) {
    const found = refreshTokens.get(token);
    if (found?.grant.client !== client || found.grant.isEnded) throw new InvalidGrantError("not such a token");
    if (found.isSpent) found.grant.isEnded = true;
    if (found.isSpent || String(found.grant.resource) !== String(resource))
      throw new InvalidGrantError("used before, or for another resource");
    found.isSpent = true;
    return issue(found.grant);
  },
  async verifyAccessToken(token) {
    const grant = accessTokens.get(token);
    if (grant === undefined || grant.isEnded) throw new InvalidTokenError("not such a token");
    return {
      token,
      clientId: grant.client.client_id,
      scopes: grant.scopes,
      expiresAt: Date.now() / 1000 + 3600,
      resource: grant.resource,
    };
  },
  async revokeToken(_client, { token }) {
    const grant = refreshTokens.get(token)?.grant ?? accessTokens.get(token);
    if (grant) grant.isEnded = true;
  },
};

async function listen() {
  const app = createMcpExpressApp();
  app.use((request, response, next) => {
    const { pathname } = new URL(request.originalUrl, "http://localhost");
    response.on("finish", () => console.log(request.method, pathname, response.statusCode));
    next();
  });
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { app, url: new URL(`http://127.0.0.1:${server.address().port}`) };
}

const issuer = await listen();
const scopesSupported = ["tools:call"];
issuer.app.use(mcpAuthRouter({ provider, issuerUrl: issuer.url, scopesSupported }));

const resource = await listen();
const address = new URL("/mcp", resource.url);
resource.app.use(
  mcpAuthMetadataRouter({
    oauthMetadata: createOAuthMetadata({ provider, issuerUrl: issuer.url, scopesSupported }),
    resourceServerUrl: address,
    scopesSupported,
  }),
);
const resourceMetadataUrl = getOAuthProtectedResourceMetadataUrl(address);
resource.app.use(
  "/mcp",
  requireBearerAuth({
    verifier: provider,
    requiredScopes: scopesSupported,
    resourceMetadataUrl,
    expectedResource: address,
  }),
);
resource.app.post("/mcp", async (request, response) => {
  const mcp = new McpServer({ name: "peer", version: "1.0.0" });
  mcp.registerTool("whoami", { description: "says who asks" }, ({ authInfo }) => ({
    content: [{ type: "text", text: `${authInfo.resource} ${authInfo.scopes}` }],
  }));
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined, enableJsonResponse: true });
  await mcp.connect(transport);
  await transport.handleRequest(request, response, request.body);
});
console.log(address.href);
