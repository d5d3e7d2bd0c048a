// A certified OpenID provider in a process of its own: `node oidc-provider.js [--par] [--nonces] [--alg ALG] [--lifetime SECONDS]
// [--secret SECRET] [--trusts JSON]`
// --par       takes pushed authorization requests only
// --nonces    wants its own nonce in every DPoP proof
// --alg       of ID tokens: RS256 (default), PS256, ES256 or Ed25519
// --lifetime  of access tokens, 3600 by default
// --secret    of the client, which is a public one otherwise
// --trusts    JSON with the "iss" and the "jwk" of a platform, whose tokens for this issuer are exchanged for access tokens
// Prints its issuer once it listens, then one line for each request: method, path, status. Everything is in memory.
// Anybody may log in under any name, on a page with one form; a second button refuses.
import { createPublicKey, generateKeyPairSync, randomBytes, verify } from "node:crypto";
import { createServer } from "node:http";
import { parseArgs } from "node:util";

// The provider expects Node 22; Node 20 lacks this.
URL.parse ??= (input, base) => (URL.canParse(input, base) ? new URL(input, base) : null);
// stdout is for the issuer and requests.
console.info = console.error;
const { default: Provider, errors } = await import("oidc-provider");

const { values: manners } = parseArgs({
  options: {
    par: { type: "boolean", default: false },
    nonces: { type: "boolean", default: false },
    alg: { type: "string", default: "RS256" },
    lifetime: { type: "string", default: "3600" },
    trusts: { type: "string", default: "null" },
    secret: { type: "string" },
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

const trusted = JSON.parse(manners.trusts);
const grants = ["token-exchange", "jwt-bearer"].map((name) => `urn:ietf:params:oauth:grant-type:${name}`);

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "cli_native",
      application_type: "native",
      ...(manners.secret === undefined
        ? { token_endpoint_auth_method: "none" }
        : { client_secret: manners.secret, token_endpoint_auth_method: "client_secret_basic" }),
      response_types: ["code"],
      id_token_signed_response_alg: manners.alg,
      grant_types: [
        "authorization_code",
        "refresh_token",
        "urn:ietf:params:oauth:grant-type:device_code",
        ...(trusted ? grants : []),
      ],
      // A native client's loopback URL matches any port (RFC 8252 §7.3).
      redirect_uris: ["http://127.0.0.1/callback", "http://localhost/callback"],
    },
  ],
  jwks: { keys: [{ ...signingKey, alg: manners.alg, use: "sig", kid: "key-1" }] },
  enabledJWA: { idTokenSigningAlgValues: [manners.alg] },
  scopes: ["openid", "offline_access", "api.read", "api.write"],
  claims: { openid: ["sub", "email", "name"] },
  // In the ID token as well as at UserInfo.
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
    // With a resource the access token is for that, not for UserInfo (RFC 8707).
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

/** The subject of a platform's token, if genuine and for this issuer (RFC 7523 §3). */
function subjectOf(token) {
  const [header = "", payload = "", signature = ""] = token.split(".");
  const key = { key: createPublicKey({ key: trusted.jwk, format: "jwk" }), dsaEncoding: "ieee-p1363" };
  if (!verify("sha256", Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, "base64url")))
    return undefined;
  const { iss, sub, aud, exp } = JSON.parse(Buffer.from(payload, "base64url"));
  return iss === trusted.iss && aud === issuer && exp * 1000 > Date.now() ? sub : undefined;
}

const exchange = (name) => async (context) => {
  const { client, params } = context.oidc;
  const accountId = subjectOf(params[name] ?? "");
  if (accountId === undefined) throw new errors.InvalidGrant("the identity is not trusted");
  const grant = new provider.Grant({ accountId, clientId: client.clientId });
  grant.addOIDCScope(params.scope);
  const token = new provider.AccessToken({
    accountId,
    client,
    claims: {},
    grantId: await grant.save(),
    gty: "exchange",
    scope: params.scope,
  });
  context.body = {
    access_token: await token.save(),
    issued_token_type: "urn:ietf:params:oauth:token-type:access_token",
    token_type: "Bearer",
    expires_in: token.expiration,
    scope: params.scope,
  };
};
for (const [grant, name] of trusted
  ? [
      [grants[0], "subject_token"],
      [grants[1], "assertion"],
    ]
  : [])
  provider.registerGrantType(grant, exchange(name), [name, "subject_token_type", "scope"]);

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
