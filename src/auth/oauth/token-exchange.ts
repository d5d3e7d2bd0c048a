import type { Secret } from "../../base/secret.ts";
import { withEffect } from "../../http/effects.ts";
import type { ExchangeOptions } from "../../http/request.ts";
import type { AuthorizationServer } from "./authorization-server.ts";
import { tokenGrant, type TokenResponse } from "./token-endpoint.ts";

/** By the users' names. */
const grantTypes = {
  "token-exchange": "urn:ietf:params:oauth:grant-type:token-exchange",
  "jwt-bearer": "urn:ietf:params:oauth:grant-type:jwt-bearer",
} as const;

/** RFC 8693 or RFC 7523 §2.1. */
export type IdentityGrant = keyof typeof grantTypes;

export const identityGrants: readonly IdentityGrant[] = ["token-exchange", "jwt-bearer"];

/** In the standards' spelling. */
export interface IdentityExchange {
  readonly client_id: string;
  /** The other issuer's JWT, for this server as audience. */
  readonly identity: Secret;
  /** A name, or a URL (RFC 8693 §2.1; RFC 8707). */
  readonly audience?: string | undefined;
  readonly resource?: string | undefined;
  readonly scope?: string | undefined;
  /** A token type's URI; undefined: the server's choice. RFC 8693 only. */
  readonly requested_token_type?: string | undefined;
}

/**
 * The grant in the server's metadata; token exchange if both or neither is listed. Metadata without grants means those
 * of a browser (RFC 8414 §2), and many servers omit later additions: so the server decides, not its list.
 */
export function identityGrant({ grant_types_supported: listed = [] }: AuthorizationServer): IdentityGrant {
  const isListed = (grant: IdentityGrant): boolean => listed.includes(grantTypes[grant]);
  return !isListed("token-exchange") && isListed("jwt-bearer") ? "jwt-bearer" : "token-exchange";
}

/**
 * `subject_token_type` is that of any JWT (RFC 8693 §3): platforms' job tokens come from no login, so not each is an ID
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
  // Unused access tokens expire by themselves.
  const harmless: ExchangeOptions = {
    ...options,
    fetch: (url, init = {}) => options.fetch(url, withEffect("nothing", init)),
  };
  return tokenGrant(server, { grant_type: grantTypes[grant], client_id, ...subject, ...target }, harmless);
}
