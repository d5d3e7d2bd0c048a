import type { AuthError } from "../../base/errors.ts";
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

/** An access token for a request that the caller sends itself. */
export interface AccessToken {
  readonly token: string;
  /** `DPoP`: bound to a key, and of no use without proofs of it. The authorized fetch sends them. */
  readonly tokenType: "Bearer" | "DPoP";
  /** When it expires: milliseconds since 1970, by this machine's clock; undefined when the server does not say. */
  readonly expiresAt: number | undefined;
}

/** What a token manager tells its embedder. No event holds a secret. */
export interface TokenEvents {
  /** A refresh succeeded and is stored. `expiresAt`: milliseconds since 1970, undefined when the service does not say. */
  refreshed: [{ profile: string; expiresAt: number | undefined }];
  /** A token that another process stored is used, without a request. */
  adopted: [{ profile: string; expiresAt: number | undefined }];
  /** A refresh failed. */
  refused: [{ profile: string; error: AuthError }];
  /** The session expired or was revoked, and was removed. */
  cleared: [{ profile: string; reason: "expired" | "revoked" }];
  /** The refreshed session could not be stored: it lives in this process only, until a later try succeeds. */
  unsaved: [{ profile: string; error: AuthError }];
}

/** The part of Node's `EventEmitter` that listens, without a need for Node's types. */
export interface TokenEventListeners {
  on<Name extends keyof TokenEvents>(name: Name, listener: (...event: TokenEvents[Name]) => void): unknown;
  once<Name extends keyof TokenEvents>(name: Name, listener: (...event: TokenEvents[Name]) => void): unknown;
  off<Name extends keyof TokenEvents>(name: Name, listener: (...event: TokenEvents[Name]) => void): unknown;
}
