import { randomBytes } from "node:crypto";
import { defaultAuthorizationServer, type AuthorizationServer } from "../../auth/oauth/authorization-server.ts";

/** A user, as in `/api/v1/me`. */
export interface IssuerUser {
  user_id: string;
  email?: string;
  name?: string;
  teams: { id: string; name?: string; role?: string; is_private_teamspace?: boolean }[];
}

/** How an issuer behaves. Durations are in the unit that they name. */
export interface IssuerOptions {
  accessTokenSeconds: number;
  refreshTokenSeconds: number;
  /** Announced and enforced between polls; null announces nothing and enforces 5. */
  deviceIntervalSeconds: number | null;
  deviceCodeSeconds: number;
  authorizationCodeSeconds: number;
}

export const issuerDefaults: IssuerOptions = {
  accessTokenSeconds: 3600,
  refreshTokenSeconds: 90 * 24 * 3600,
  deviceIntervalSeconds: 5,
  deviceCodeSeconds: 900,
  authorizationCodeSeconds: 60,
};

/** `ended`: the error code for the session's tokens from then on. */
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

/** `expiresAt`: on the issuer's clock. */
export interface Grant {
  readonly session: IssuerSession;
  expiresAt: number;
  consumed: boolean;
}

type SecretKind =
  | "authorization_code"
  | "code_verifier"
  | "device_code"
  | "access_token"
  | "refresh_token"
  | "ws_token"
  | "identity_token";

/** The state of a fake issuer, for its endpoints in this directory. */
export abstract class Issuer {
  abstract readonly users: Readonly<Record<string, IssuerUser>>;
  abstract readonly options: IssuerOptions;
  /** Every secret that was issued or received. User codes and states are shown on purpose. */
  readonly issued: Map<string, SecretKind> = new Map();
  readonly sessions: Map<string, IssuerSession> = new Map();
  readonly accessTokens: Map<string, Grant> = new Map();
  readonly refreshTokens: Map<string, Grant> = new Map();
  /** Without a trailing slash. */
  url = "";

  /** In milliseconds. */
  abstract now(): number;

  /** Undefined for an issuer that is no OpenID provider. */
  idToken(_session: IssuerSession): string | undefined {
    return undefined;
  }

  /** By their names in the metadata (RFC 8414 §2). */
  get endpoints(): AuthorizationServer {
    return defaultAuthorizationServer(this.url);
  }

  mint(kind: SecretKind, prefix: string): string {
    const value = `${prefix}_${randomBytes(24).toString("base64url")}`;
    this.issued.set(value, kind);
    return value;
  }

  /** Its tokens are refused from then on. Ignores unknown ids. */
  revoke(sessionId: string): void {
    const session = this.sessions.get(sessionId);
    if (session !== undefined) session.ended ??= "session_invalid";
  }
}
