/**
 * A program's way to an access token with each library, by its documentation.
 *
 * @typedef {{ accessToken: string, refreshToken: string, expiresAt: number, tokenUrl: string }} Stored
 * @typedef {{ getAccessToken: () => Promise<string>, stored?: () => Stored }} Client `stored` is absent where the
 *   client writes the file itself
 */

/**
 * Keeps tokens in the client, refreshes within five minutes of expiry. @param {Stored} session @returns
 * {Promise<Client>}
 */
export async function googleAuthLibrary(session) {
  const { OAuth2Client } = await import("google-auth-library");
  const client = new OAuth2Client({ clientId: "cli_native", endpoints: { oauth2TokenUrl: session.tokenUrl } });
  client.setCredentials({
    access_token: session.accessToken,
    refresh_token: session.refreshToken,
    expiry_date: session.expiresAt,
  });
  return {
    getAccessToken: async () => (await client.getAccessToken()).token ?? "",
    stored: () => ({
      ...session,
      accessToken: client.credentials.access_token ?? "",
      refreshToken: client.credentials.refresh_token ?? session.refreshToken,
      expiresAt: client.credentials.expiry_date ?? 0,
    }),
  };
}

/** Keeps nothing: the program checks the clock and refreshes. @param {Stored} session @returns {Promise<Client>} */
export async function openidClient(session) {
  const client = await import("openid-client");
  const issuer = new URL(session.tokenUrl).origin;
  const config = new client.Configuration(
    { issuer, token_endpoint: session.tokenUrl },
    "cli_native",
    undefined,
    client.None(),
  );
  client.allowInsecureRequests(config);
  let held = session;
  return {
    async getAccessToken() {
      if (held.expiresAt - Date.now() > 60_000) return held.accessToken;
      const tokens = await client.refreshTokenGrant(config, held.refreshToken);
      const expiresAt = Date.now() + (tokens.expiresIn() ?? 0) * 1000;
      held = {
        ...held,
        accessToken: tokens.access_token,
        refreshToken: tokens.refresh_token ?? held.refreshToken,
        expiresAt,
      };
      return held.accessToken;
    },
    stored: () => held,
  };
}

/**
 * Has its own cache, filled here by a canned response, since the library speaks to one vendor's services. @param
 * {Stored} session @returns {Promise<Client>}
 */
export async function msalNode(session) {
  const { PublicClientApplication } = await import("@azure/msal-node");
  const base64 = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: "https://login.example/t",
    aud: "cli_native",
    sub: "alice",
    oid: "alice",
    tid: "t",
    preferred_username: "alice@example.com",
    iat: now,
    exp: now + 3600,
  };
  const answer = {
    token_type: "Bearer",
    access_token: session.accessToken,
    refresh_token: session.refreshToken,
    expires_in: 3600,
    scope: "api.read openid profile offline_access",
    client_info: base64({ uid: "alice", utid: "t" }),
    id_token: `${base64({ alg: "none", typ: "JWT" })}.${base64(claims)}.`,
  };
  const canned = async () => ({ status: 200, headers: {}, body: answer });
  const endpoints = {
    issuer: claims.iss,
    authorization_endpoint: `${claims.iss}/authorize`,
    token_endpoint: `${claims.iss}/token`,
    end_session_endpoint: `${claims.iss}/logout`,
    jwks_uri: `${claims.iss}/keys`,
  };
  const application = new PublicClientApplication({
    auth: {
      clientId: "cli_native",
      authority: claims.iss,
      knownAuthorities: ["login.example"],
      authorityMetadata: JSON.stringify(endpoints),
    },
    system: { networkClient: { sendGetRequestAsync: canned, sendPostRequestAsync: canned }, protocolMode: "OIDC" },
  });
  const first = await application.acquireTokenByRefreshToken({
    refreshToken: session.refreshToken,
    scopes: ["api.read"],
    forceCache: true,
  });
  const account = first?.account;
  if (!account) throw new Error("the library kept no account");
  return {
    getAccessToken: async () => (await application.acquireTokenSilent({ account, scopes: ["api.read"] })).accessToken,
    stored: () => session,
  };
}

/**
 * The MCP SDK with tokens in a file, as in memory in its example. Refreshes after a 401, which every process gets here.
 * @param {Stored} session @param {string} file @returns {Promise<Client>}
 */
export async function mcpSdk(session, file) {
  const { auth } = await import("@modelcontextprotocol/sdk/client/auth.js");
  const { readFileSync, renameSync, writeFileSync } = await import("node:fs");
  const issuer = new URL(session.tokenUrl).origin;
  const read = () => JSON.parse(readFileSync(file, "utf8"));
  const write = (tokens) => {
    writeFileSync(
      `${file}.${process.pid}`,
      JSON.stringify({ ...session, accessToken: tokens?.access_token, refreshToken: tokens?.refresh_token }),
      { mode: 0o600 },
    );
    renameSync(`${file}.${process.pid}`, file);
  };
  const provider = {
    redirectUrl: "http://127.0.0.1/callback",
    clientMetadata: { redirect_uris: ["http://127.0.0.1/callback"] },
    clientInformation: () => ({ client_id: "cli_native", issuer }),
    discoveryState: () => ({
      authorizationServerUrl: issuer,
      resourceMetadata: { resource: issuer },
      authorizationServerMetadata: {
        issuer,
        authorization_endpoint: `${issuer}/oauth/authorize`,
        token_endpoint: session.tokenUrl,
        response_types_supported: ["code"],
      },
    }),
    tokens: () => {
      const { accessToken, refreshToken } = read();
      return accessToken && { access_token: accessToken, refresh_token: refreshToken, token_type: "Bearer", issuer };
    },
    saveTokens: write,
    invalidateCredentials: (scope) => (scope === "all" || scope === "tokens") && write(undefined),
    redirectToAuthorization: () => {
      throw new Error("the user would have to log in");
    },
    saveCodeVerifier: () => undefined,
    codeVerifier: () => "",
  };
  return {
    async getAccessToken() {
      await auth(provider, { serverUrl: issuer });
      return provider.tokens().access_token;
    },
  };
}
