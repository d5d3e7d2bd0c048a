import { randomBytes } from "node:crypto";
import { defaultAuthorizationServer } from "../../auth/oauth/authorization-server.ts";

/** A user, as `/api/v1/me` tells it. */
export interface IssuerUser {
  user_id: string;
  email?: string;
  name?: string;
  teams: { id: string; name?: string; role?: string; is_private_teamspace?: boolean }[];
}

/** How an issuer behaves. Durations are in the unit that they name. */
export interface IssuerOptions {
  /** The only client that is known; undefined: any. */
  clientId: string | undefined;
  /** The only path that redirects lead to; undefined: any. */
  redirectPath: string | undefined;
  /** What every login has to request. */
  requiredScope: string | undefined;
  accessTokenSeconds: number;
  refreshTokenSeconds: number;
  /** False: a refresh answers without a new refresh token, and the old one stays good. */
  rotate: boolean;
  /** What a consumed refresh token leads to: the session revoked, or the 409 that spares it. */
  reuse: "revoke" | "benign";
  invalidGrantStatus: 400 | 401;
  /** Whether the redirect back carries `iss` (RFC 9207). */
  sendIss: boolean;
  /** Announced and enforced between polls; null announces nothing and enforces 5. */
  deviceIntervalSeconds: number | null;
  deviceCodeSeconds: number;
  authorizationCodeSeconds: number;
}

/** An issuer that behaves well. */
export const issuerDefaults: IssuerOptions = {
  clientId: undefined,
  redirectPath: undefined,
  requiredScope: undefined,
  accessTokenSeconds: 3600,
  refreshTokenSeconds: 90 * 24 * 3600,
  rotate: true,
  reuse: "revoke",
  invalidGrantStatus: 400,
  sendIss: false,
  deviceIntervalSeconds: 5,
  deviceCodeSeconds: 900,
  authorizationCodeSeconds: 60,
};

/** `ended` is the error code that the session's tokens are refused with from then on. */
export interface IssuerSession {
  readonly id: string;
  /** A name in {@link Issuer.users}. */
  readonly user: string;
  readonly clientId: string;
  readonly scope: string;
  readonly nonce: string | undefined;
  readonly authFlow: "authorization_code" | "device_code";
  readonly authenticatedAt: number;
  refreshExpiresAt: number;
  ended: "session_invalid" | "token_revoked" | undefined;
}

/** An access token, refresh token, code or ticket, with the moment it expires on the issuer's clock. */
export interface Grant {
  readonly session: IssuerSession;
  expiresAt: number;
  consumed: boolean;
}

/** What a secret in {@link Issuer.issued} is. */
export type SecretKind =
  | "authorization_code"
  | "code_verifier"
  | "device_code"
  | "access_token"
  | "refresh_token"
  | "ws_token"
  | "identity_token";

/** How often something happened. */
export const noCounts = {
  logins: 0,
  refreshes: 0,
  /** Consumed refresh tokens that were presented again, whatever came of it. */
  reuses: 0,
  /** Sessions ended by the issuer: by reuse, by a repeated code, or by {@link Issuer.revoke}. */
  revocations: 0,
  logouts: 0,
  devicePolls: 0,
  slowDowns: 0,
};

/** What a fake issuer remembers: its endpoints in this folder work on it. */
export abstract class Issuer {
  abstract readonly users: Readonly<Record<string, IssuerUser>>;
  abstract readonly options: IssuerOptions;
  readonly counters: typeof noCounts = { ...noCounts };
  /** Every secret that was ever issued or shown to it, and its kind. User codes and states are shown on purpose. */
  readonly issued: Map<string, SecretKind> = new Map();
  readonly sessions: Map<string, IssuerSession> = new Map();
  readonly accessTokens: Map<string, Grant> = new Map();
  readonly refreshTokens: Map<string, Grant> = new Map();
  /** Without a trailing slash. */
  url = "";

  /** Its clock, in milliseconds. */
  abstract now(): number;

  /** The ID token of a session; undefined for an issuer that is no OpenID provider. */
  idToken(_session: IssuerSession): string | undefined {
    return undefined;
  }

  /** Where its endpoints are, under the names of the metadata (RFC 8414 §2). */
  get endpoints(): ReturnType<typeof defaultAuthorizationServer> {
    return defaultAuthorizationServer(this.url);
  }

  mint(kind: SecretKind, prefix: string): string {
    const value = `${prefix}_${randomBytes(24).toString("base64url")}`;
    this.issued.set(value, kind);
    return value;
  }

  /** Ends a session; its tokens are refused with `error` from then on. Unknown ids are ignored. */
  revoke(sessionId: string, error: "session_invalid" | "token_revoked" = "session_invalid"): void {
    const session = this.sessions.get(sessionId);
    if (session === undefined || session.ended !== undefined) return;
    session.ended = error;
    this.counters.revocations += 1;
  }

  /** Makes every access token issued so far expired; refresh tokens stay good. */
  expireAccessTokens(): void {
    for (const token of this.accessTokens.values()) token.expiresAt = this.now() - 1;
  }
}
