import { withoutEndSlashes } from "../../base/address.ts";
import { isTransient, hint, ServiceError, type AuthError, type Hint } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import { retryAfterOf, retryDelay } from "../../http/retry.ts";
import { defaultAuthorizationServer, type AuthorizationServer } from "../oauth/authorization-server.ts";
import { clientFetch, type Client } from "../oauth/client-authentication.ts";
import { discoverAuthorizationServer } from "../oauth/discovery.ts";
import { validateTokenType } from "../oauth/dpop-fetch.ts";
import { exchangeIdentity, identityGrant, type IdentityGrant } from "../oauth/token-exchange.ts";
import { sessionTokens, type SessionTokens } from "../sessions/session-tokens.ts";
import { claimsOf, identityToken, sourceName, type IdentityWorld } from "./identity-token.ts";
import type { IdentitySource } from "./identity-source.ts";
import type { Workload } from "./workload.ts";

/** With the service that it asks for. */
interface ServiceClient extends Client {
  readonly service: string;
}

/** All waits together, in milliseconds. */
const retryBudgetMs = 15_000;

/**
 * With retries: no user can try again.
 *
 * @throws {@link AuthError} whose message begins with the side that refused: the source, or the issuer
 */
export async function exchangeWorkload(
  workload: Workload,
  client: ServiceClient,
  world: IdentityWorld & { readonly random: () => number },
): Promise<SessionTokens> {
  for (let attempt = 1, waited = 0; ; attempt += 1) {
    try {
      return await exchangeOnce(workload, client, world);
    } catch (error) {
      if (!isTransient(error)) throw error;
      const waitMs = retryDelay({ attempt, retryAfterMs: retryAfterOf(error), random: world.random() });
      waited += waitMs;
      if (waited > retryBudgetMs) throw error;
      await world.clock.sleep(waitMs);
    }
  }
}

async function exchangeOnce(
  { source, issuer, grant, request }: Workload,
  { service, ...client }: ServiceClient,
  world: IdentityWorld,
): Promise<SessionTokens> {
  // First: the identity is for this issuer, not for whatever responds at its URL.
  const server = await findServer(issuer, service, world);
  const identity = await identityToken(source, server.issuer, world);
  const sentAt = world.clock.now();
  const fetch = clientFetch({ ...client, server }, world.fetch);
  const used = grant ?? identityGrant(server);
  try {
    const tokens = await exchangeIdentity(
      server,
      used,
      { identity, client_id: client.clientId, ...request },
      { ...world, fetch },
    );
    if (tokens.flaw !== undefined) throw tokens.flaw;
    const exchanged = sessionTokens(tokens, sentAt);
    validateTokenType(exchanged, server.issuer);
    return exchanged;
  } catch (error) {
    throw error instanceof ServiceError ? refusal(error, server, source, identity, used) : error;
  }
}

/** Without issuer and metadata: the default endpoints. */
async function findServer(
  issuer: string | undefined,
  service: string,
  exchange: IdentityWorld,
): Promise<AuthorizationServer> {
  const discovery = await discoverAuthorizationServer(issuer ?? service, exchange);
  if (discovery.server !== undefined) return discovery.server;
  const isNamed = issuer !== undefined && withoutEndSlashes(issuer) !== service;
  if (isNamed || isTransient(discovery.reason)) throw discovery.reason;
  return defaultAuthorizationServer(service);
}

function refusal(
  error: ServiceError,
  { issuer }: AuthorizationServer,
  source: IdentitySource,
  identity: Secret,
  grant: IdentityGrant,
): AuthError {
  const { code, status, error: name, retryAfterMs } = error;
  const who = claimsOf(identity);
  const what = `"${issuer}" rejected the identity of ${sourceName(source)}${who && ` (${who})`}: ${error.message}`;
  return new ServiceError(code, what, {
    status,
    error: name,
    retryAfterMs,
    hint: (code === "service_rejected" ? fixOf(name, grant) : error.next) ?? trust,
    cause: error,
  });
}

function fixOf(error: string | undefined, grant: IdentityGrant): Hint | undefined {
  if (error !== "unsupported_grant_type") return fixes[error ?? ""];
  const other = grant === "jwt-bearer" ? "token-exchange" : "jwt-bearer";
  return hint`Try the other grant: ${{ variable: "IDENTITY_GRANT", value: other }}`;
}

const trust: Hint = hint`Make the issuer trust this "iss", "sub" and "aud"`;
const fixes: Readonly<Record<string, Hint>> = {
  unauthorized_client: hint`Register the grant for the client, or name another: ${{ variable: "CLIENT_ID", value: "…" }}`,
  invalid_client: hint`Name a client that the issuer knows: ${{ variable: "CLIENT_ID", value: "…" }}`,
  invalid_scope: hint`Name scopes that the issuer grants: ${{ variable: "IDENTITY_SCOPE", value: "…" }}`,
  invalid_target: hint`Name the audience or the resource of the token: ${{ variable: "IDENTITY_AUDIENCE", value: "…" }}, or ${{ variable: "IDENTITY_RESOURCE", value: "https://api.example" }}`,
};
