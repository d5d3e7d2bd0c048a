import type { AuthError } from "../../base/errors.ts";

/** What a token manager tells its embedder. No event holds a secret. */
export interface TokenEvents {
  /** A refresh succeeded and is stored. `expiresAt`: milliseconds since 1970, undefined when the service does not say. */
  refreshed: [{ profile: string; expiresAt: number | undefined }];
  /** A token that another process stored was taken over without a request. */
  adopted: [{ profile: string; expiresAt: number | undefined }];
  /** A refresh failed. */
  refused: [{ profile: string; error: AuthError }];
  /** The session is over and was removed. */
  cleared: [{ profile: string }];
  /** The refreshed session could not be stored: it lives in this process only until a later try succeeds. */
  unsaved: [{ profile: string; error: AuthError }];
}
