import { defaultAuthorizationServer } from "../../src/auth/oauth/authorization-server.ts";
import type { Session } from "../../src/auth/sessions/session.ts";
import { Secret } from "../../src/base/secret.ts";

export const address = "https://service.example";
const { issuer, authorization_endpoint, token_endpoint, logout_endpoint = "" } = defaultAuthorizationServer(address);
const server = { issuer, authorization_endpoint, token_endpoint, logout_endpoint };
/** Of an access token, in seconds. */
export const lifetime = 3_600;

/**
 * What the service does with a repeated refresh token: `strict` ends the session (RFC 9700 §4.14.2), `lenient` answers
 * 409 with a retry in 0.1 s, `plain` only refuses, and prolongs a valid access token; `static` does not rotate (RFC
 * 6749 §6).
 */
export const kinds = ["strict", "lenient", "plain", "static"] as const;
export type ServiceKind = (typeof kinds)[number];

export interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  /** The session's next refresh token, if the response has one. */
  readonly next?: string;
}

interface Login {
  readonly name: string;
  access: string;
  refresh: string;
  isEnded: boolean;
}

/** The service: acts in one moment. */
export class Service {
  readonly kind: ServiceKind;
  /** The login of each refresh token. */
  readonly #refresh = new Map<string, Login>();
  /** The successor of each. */
  readonly #next = new Map<string, string>();
  readonly #access = new Map<string, { login: Login; expiresAt: number }>();
  readonly #logins: Login[] = [];
  /** Ended by the user or the service, not for a replay. */
  readonly endedOnPurpose = new Set<string>();

  constructor(kind: ServiceKind) {
    this.kind = kind;
  }

  login(now: number, leftMs: number = lifetime * 1000): Session {
    const login: Login = { name: `login${this.#logins.length + 1}`, access: "", refresh: "", isEnded: false };
    this.#logins.push(login);
    this.#issue(login, now + leftMs, now);
    return {
      id: String(this.#logins.length).padStart(16, "0"),
      refreshes: 0,
      server,
      clientId: "cli",
      accessToken: new Secret(login.access),
      tokenType: "Bearer",
      refreshToken: new Secret(login.refresh),
      scope: "",
      issuedAt: now + leftMs - lifetime * 1000,
      accessTokenExpiresAt: now + leftMs,
      refreshTokenExpiresAt: undefined,
      clockOffsetMs: 0,
      sessionId: login.name,
      user: { id: "alice" },
      teams: [],
      authFlow: "device_code",
      authenticatedAt: now + leftMs - lifetime * 1000 + this.#logins.length,
    };
  }

  /** `POST /oauth/token` with a refresh token. */
  refresh(token: string, now: number): Answer {
    const login = this.#refresh.get(token);
    const refusal: Answer = { status: 400, body: { error: "invalid_grant" } };
    if (login === undefined || login.isEnded) return refusal;
    if (token !== login.refresh) {
      if (this.kind === "lenient")
        return { status: 409, body: { error: "refresh_replay_benign_retry", retry_after: 0.1 } };
      if (this.kind === "strict") login.isEnded = true;
      return refusal;
    }
    this.#issue(login, now + lifetime * 1000, now);
    if (login.refresh !== token) this.#next.set(token, login.refresh);
    const body = { access_token: login.access, token_type: "Bearer", expires_in: lifetime, session_id: login.name };
    return {
      status: 200,
      body: this.kind === "static" ? body : { ...body, refresh_token: login.refresh },
      next: login.refresh,
    };
  }

  /** Any request with an access token; the one to `/api/v1/logout` ends the session. */
  request(path: string, token: string, now: number): Answer {
    const known = this.#access.get(token);
    if (known === undefined || known.login.isEnded) return { status: 401, body: { error: "session_invalid" } };
    if (known.expiresAt <= now) return { status: 401, body: { error: "access_token_expired" } };
    if (path === "/api/v1/logout") this.end(known.login.name);
    return { status: 200, body: {} };
  }

  end(name: string): void {
    for (const login of this.#logins) if (login.name === name) login.isEnded = true;
    this.endedOnPurpose.add(name);
  }

  loginOf(token: string): string {
    return this.#refresh.get(token)?.name ?? "";
  }

  goesOnWith(token: string): boolean {
    const login = this.#refresh.get(token);
    return login?.refresh === token && !login.isEnded;
  }

  /** Directly or indirectly. */
  isSuccessor(token: string, of: string | undefined): boolean {
    return of !== undefined && (token === of || this.isSuccessor(token, this.#next.get(of)));
  }

  isValid(token: string, now: number): boolean {
    return (this.#access.get(token)?.expiresAt ?? 0) > now;
  }

  /** All that its responses depend on. */
  get state(): string {
    const logins = this.#logins.map(
      ({ refresh, access, isEnded }) =>
        `${refresh}${access}${isEnded ? "x" : ""}${this.#access.get(access)?.expiresAt}`,
    );
    return `${logins.join()} ${[...this.endedOnPurpose].join()}`;
  }

  #issue(login: Login, expiresAt: number, now: number): void {
    if (this.kind !== "plain" || !this.isValid(login.access, now)) login.access = `a${this.#access.size + 1}`;
    if (this.kind !== "static" || login.refresh === "") login.refresh = `r${this.#refresh.size + 1}`;
    this.#access.set(login.access, { login, expiresAt });
    this.#refresh.set(login.refresh, login);
  }
}
