import type * as runtime from "../../base/runtime-types.ts";

/** What a caller needs of an access token. */
export interface AccessTokenOptions {
  /** How long the token must stay valid, in milliseconds; at least a minute or a tenth of its lifetime, whichever is less. */
  minValidityMs?: number;
  /** A token that the service has just answered with 401: it is replaced, unless that has happened already. */
  rejected?: string;
  /** Ends this caller's wait. A refresh that other callers wait for goes on. */
  signal?: runtime.AbortSignal;
}

/** An access token for requests of the caller's own. */
export interface AccessToken {
  readonly token: string;
  /** `DPoP`: bound to a key, and useless without proofs of it (RFC 9449), as the authorized fetch sends them. */
  readonly tokenType: "Bearer" | "DPoP";
  /** When it expires: milliseconds since 1970, by this machine's clock; undefined when the server does not say. */
  readonly expiresAt: number | undefined;
}
