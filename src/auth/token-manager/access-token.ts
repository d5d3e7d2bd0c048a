import type * as runtime from "../../base/runtime-types.ts";

/** Options of {@link Auth.getToken}. */
export interface AccessTokenOptions {
  /** How long the token must stay valid; at least a minute, or a tenth of its lifetime if that is less. */
  minValidityMs?: number | undefined;
  /** A token that the service rejected with 401: it is replaced, unless it already was. */
  rejected?: string | undefined;
  /** Ends this caller's wait. A refresh that other callers wait for goes on. */
  signal?: runtime.AbortSignal | undefined;
}

/** Result of {@link Auth.getToken}. */
export interface AccessToken {
  readonly token: string;
  /** `DPoP`: useless without proofs of its key (RFC 9449), which the authorized fetch sends. */
  readonly tokenType: "Bearer" | "DPoP";
  /** By this machine's clock; undefined if unknown. */
  readonly expiresAt: number | undefined;
}
