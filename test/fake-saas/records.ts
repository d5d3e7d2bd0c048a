import type { UserName } from "./users.ts";

/** What kind of secret a value in `saas.issued` is. */
export type SecretKind =
  | "authorization_code"
  | "code_verifier"
  | "device_code"
  | "access_token"
  | "refresh_token"
  | "ws_token"
  | "identity_token";

/** A server session. `ended` is the error code that its tokens are refused with from then on. */
export interface FakeSession {
  readonly id: string;
  readonly user: UserName;
  readonly scope: string;
  readonly authFlow: "authorization_code" | "device_code";
  readonly authenticatedAt: number;
  refreshExpiresAt: number;
  ended: "session_invalid" | "token_revoked" | undefined;
}

/** An access token, refresh token, code or ticket, with the moment it dies on the service's clock. */
export interface Grant {
  readonly session: FakeSession;
  expiresAt: number;
  consumed: boolean;
}

/** How an event was last received, and how often. */
export interface ReceivedEvent {
  readonly event: Record<string, unknown>;
  readonly user: UserName;
  readonly team: string;
  readonly via: "batch" | "websocket";
  /** How often it crossed the wire, repeats included. */
  deliveries: number;
  /** Whether the service has taken it; a repeat after that is a `duplicate`. */
  taken: boolean;
  /** The last status answered. */
  status: string;
}

/** What the service says of one event; `"omit"` leaves it out of the results. */
export type Verdict = "omit" | { status: string; error?: string; error_message?: string; error_category?: string };

/** An uploaded artifact, and how often it was sent. */
export interface ReceivedArtifact {
  readonly body: Record<string, unknown>;
  readonly user: UserName;
  uploads: number;
}
