import type { Secret } from "../../base/secret.ts";
import { withEffect } from "../../http/effects.ts";
import type { ExchangeOptions } from "../../http/request.ts";
import type { AuthorizationServer } from "./authorization-server.ts";
import { tokenGrant, type TokenResponse } from "./token-endpoint.ts";

/** The grants that take another issuer's JWT, by the names that a user types. */
const grantTypes = {
  "token-exchange": "urn:ietf:params:oauth:grant-type:token-exchange",
  "jwt-bearer": "urn:ietf:params:oauth:grant-type:jwt-bearer",
} as const;

/** How an identity token is exchanged: by RFC 8693 or by RFC 7523 §2.1. */
export type IdentityGrant = keyof typeof grantTypes;

/** Both, for those who choose one. */
export const identityGrants: readonly IdentityGrant[] = ["token-exchange", "jwt-bearer"];

/** What is asked for, in the standards' spelling. */
export interface IdentityExchange {
  readonly client_id: string;
  /** The other issuer's JWT, whose audience is this server. */
  readonly identity: Secret;
  /** What the access token is for: a name, or an address (RFC 8693 §2.1; RFC 8707). */
  readonly audience?: string | undefined;
  readonly resource?: string | undefined;
  readonly scope?: string | undefined;
  /** The URI of a token type; undefined leaves the choice to the server. Only RFC 8693 has it. */
  readonly requested_token_type?: string | undefined;
}

/**
 * The grant for a server: the one that its metadata lists, and token exchange where it lists both or neither. Metadata that lists no grants
 * means those of a browser (RFC 8414 §2), and many servers leave out what they added later: so the server decides, not its list.
 */
export function identityGrant({ grant_types_supported: listed = [] }: AuthorizationServer): IdentityGrant {
  const isListed = (grant: IdentityGrant): boolean => listed.includes(grantTypes[grant]);
  return !isListed("token-exchange") && isListed("jwt-bearer") ? "jwt-bearer" : "token-exchange";
}

/**
 * Exchanges the identity token of another issuer for an access token.
 *
 * `subject_token_type` is that of any JWT (RFC 8693 §3): what platforms issue to their jobs comes from no login, so not each is an ID
 * token.
 */
export function exchangeIdentity(
  server: AuthorizationServer,
  grant: IdentityGrant,
  { identity, client_id, requested_token_type, ...target }: IdentityExchange,
  options: ExchangeOptions,
): Promise<TokenResponse> {
  const subject =
    grant === "jwt-bearer"
      ? { assertion: identity }
      : {
          subject_token: identity,
          subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
          requested_token_type,
        };
  // An access token that nobody uses expires by itself, and no other token is spent for it.
  const harmless: ExchangeOptions = {
    ...options,
    fetch: (url, init = {}) => options.fetch(url, withEffect("nothing", init)),
  };
  return tokenGrant(server, { grant_type: grantTypes[grant], client_id, ...subject, ...target }, harmless);
}
