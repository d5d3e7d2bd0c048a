// A certified OpenID provider in a process of its own: `node oidc-provider.js [--par] [--nonces] [--alg ALG] [--lifetime SECONDS]`
// --par       takes pushed authorization requests only
// --nonces    wants its own nonce in every DPoP proof
// --alg       of ID tokens: RS256 (default), PS256, ES256 or Ed25519
// --lifetime  of access tokens, 3600 by default
// Prints its issuer once it listens, then one line for each request: method, path, status. Everything is in memory.
// Anybody may log in under any name, on a page with one form; a second button refuses.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { parseArgs } from "node:util";

// The provider expects Node 22; this is what it misses on 20.
URL.parse ??= (input, base) => (URL.canParse(input, base) ? new URL(input, base) : null);
// Its notices are not for those who read stdout.
console.info = console.error;
const { default: Provider } = await import("oidc-provider");

const { values: manners } = parseArgs({
  options: {
    par: { type: "boolean", default: false },
    nonces: { type: "boolean", default: false },
    alg: { type: "string", default: "RS256" },
    lifetime: { type: "string", default: "3600" },
  },
});

const [kind, parameters] = { ES256: ["ec", { namedCurve: "P-256" }], Ed25519: ["ed25519", {}] }[manners.alg] ?? [
  "rsa",
  { modulusLength: 2048 },
];
const signingKey = generateKeyPairSync(kind, parameters).privateKey.export({ format: "jwk" });

const server = createServer();
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "cli_native",
      application_type: "native",
      token_endpoint_auth_method: "none",
      response_types: ["code"],
      id_token_signed_response_alg: manners.alg,
      grant_types: ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
      // A native client's loopback address fits on any port (RFC 8252 §7.3).
      redirect_uris: ["http://127.0.0.1/callback", "http://localhost/callback"],
    },
  ],
  jwks: { keys: [{ ...signingKey, alg: manners.alg, use: "sig", kid: "key-1" }] },
  enabledJWA: { idTokenSigningAlgValues: [manners.alg] },
  scopes: ["openid", "offline_access", "api.read", "api.write"],
  claims: { openid: ["sub", "email", "name"] },
  // E-mail and name in the ID token as well, not only at UserInfo.
  conformIdTokenClaims: false,
  findAccount: (_context, sub) => ({ accountId: sub, claims: () => ({ sub, email: `${sub}@example.com`, name: sub }) }),
  rotateRefreshToken: true,
  ttl: {
    AccessToken: Number(manners.lifetime),
    RefreshToken: 86_400,
    DeviceCode: 600,
    Session: 600,
    Interaction: 600,
    Grant: 86_400,
    IdToken: 600,
  },
  features: {
    devInteractions: { enabled: false },
    deviceFlow: { enabled: true },
    revocation: { enabled: true },
    userinfo: { enabled: true },
    dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => manners.nonces },
    // With a resource the access token is for that, and not for UserInfo (RFC 8707).
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_context, resource) => ({
        scope: "api.read api.write",
        audience: resource,
        accessTokenFormat: "jwt",
        jwt: { sign: { alg: manners.alg } },
      }),
    },
    pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: manners.par },
  },
  cookies: { keys: [randomBytes(16).toString("hex")] },
});

const page = `<!doctype html><title>Log in</title><form method="post">
<label>Name <input name="login" value="alice" required></label>
<button name="answer" value="allow">Allow</button> <button name="answer" value="deny" formnovalidate>Deny</button></form>`;

async function interact(request, response) {
  if (request.method !== "POST")
    return response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(page);
  let body = "";
  for await (const chunk of request) body += chunk;
  const form = new URLSearchParams(body);
  if (form.get("answer") === "deny")
    return provider.interactionFinished(request, response, {
      error: "access_denied",
      error_description: "the user said no",
    });
  const { params, session } = await provider.interactionDetails(request, response);
  const accountId = session?.accountId ?? form.get("login");
  const grant = new provider.Grant({ accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  if (params.resource) grant.addResourceScope(params.resource, params.scope);
  return provider.interactionFinished(request, response, {
    login: { accountId },
    consent: { grantId: await grant.save() },
  });
}

const answer = provider.callback();
server.on("request", (request, response) => {
  const { pathname } = new URL(request.url, issuer);
  response.on("finish", () => console.log(request.method, pathname, response.statusCode));
  if (!pathname.startsWith("/interaction/")) return void answer(request, response);
  interact(request, response).catch((error) => response.writeHead(400).end(error.message));
});
console.log(issuer);
