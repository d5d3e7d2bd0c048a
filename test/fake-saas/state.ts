import { randomBytes, randomInt } from "node:crypto";
import { EventEmitter } from "node:events";
import { Faults } from "./faults.ts";
import type { FakeRequest } from "./http.ts";
import type { FakeSocket } from "./socket.ts";
import { createUsers } from "./users.ts";
import type { FakeUser, UserName } from "./users.ts";

/** How the service behaves. All may be changed while it runs, through `saas.options`. Durations are in the unit they name. */
export interface FakeOptions {
  /** Fixed port; 0 (the default) takes a free one, which later restarts keep. */
  port: number;
  /** Address to listen on; default `127.0.0.1`. */
  host: string;
  /** Path prefix of the whole service, such as `/base`; default none. */
  basePath: string;
  accessTokenSeconds: number;
  refreshTokenSeconds: number;
  /** How long every answer is held after the work was done. */
  latencyMs: number;
  /** How far the service's clock is from `now`: its `Date`, its expiries, its intervals. */
  clockOffsetMs: number;
  /** The clock that the service's is derived from; default the machine's. A test may pass its own. */
  now: () => number;
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
  ticketSeconds: number;
  /** Interval of JSON pings on sockets; 0 (the default) sends none. */
  pingMs: number;
  /** Gives alice a private teamspace beside Acme. */
  privateTeamspace: boolean;
}

/** What kind of secret a value in `saas.issued` is. */
export type SecretKind =
  | "authorization_code"
  | "code_verifier"
  | "state"
  | "device_code"
  | "access_token"
  | "refresh_token"
  | "ws_token";

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

const DEFAULTS: FakeOptions = {
  port: 0,
  host: "127.0.0.1",
  basePath: "",
  accessTokenSeconds: 3600,
  refreshTokenSeconds: 90 * 24 * 3600,
  latencyMs: 0,
  clockOffsetMs: 0,
  now: () => Date.now(),
  rotate: true,
  reuse: "revoke",
  invalidGrantStatus: 400,
  sendIss: false,
  deviceIntervalSeconds: 5,
  deviceCodeSeconds: 900,
  authorizationCodeSeconds: 60,
  ticketSeconds: 60,
  pingMs: 0,
  privateTeamspace: false,
};

/** Everything the service remembers. Restarts keep it; only a new fake forgets. */
export class FakeState {
  readonly options: FakeOptions;
  readonly users: Record<UserName, FakeUser>;
  readonly faults: Faults = new Faults();
  readonly requests: FakeRequest[] = [];
  readonly counters = {
    logins: 0,
    refreshes: 0,
    /** Consumed refresh tokens that were presented again, whatever came of it. */
    reuses: 0,
    /** Sessions ended by the service: by reuse, by a repeated code, or by `revoke`. */
    revocations: 0,
    logouts: 0,
    devicePolls: 0,
    slowDowns: 0,
    tickets: 0,
    idempotentReplays: 0,
  };
  /** Every secret that was ever issued or shown to the service, and its kind. */
  readonly issued: Map<string, SecretKind> = new Map();
  readonly sessions: Map<string, FakeSession> = new Map();
  readonly accessTokens: Map<string, Grant> = new Map();
  readonly refreshTokens: Map<string, Grant> = new Map();
  readonly tickets: Map<string, Grant & { readonly team: string }> = new Map();
  /** By `event_id`. */
  readonly events: Map<string, ReceivedEvent> = new Map();
  /** Decides about an event that is well formed and new; undefined means the usual `accepted`. Not asked about duplicates. */
  judge: (event: Record<string, unknown>, deliveries: number) => Verdict | undefined = () => undefined;
  /** Limits of batch ingest, also announced by the health endpoint. A single event may have `maxEventBytes`. */
  readonly limits = { maxEvents: 1000, maxBytes: 262_144, maxEventBytes: 1_048_576 };
  /** By `artifact_path`. */
  readonly artifacts: Map<string, ReceivedArtifact> = new Map();
  readonly sockets: Set<FakeSocket> = new Set();
  /** Every frame that clients have sent, parsed. */
  readonly frames: unknown[] = [];
  /** What a socket's first frame lists. */
  workPackages: unknown[] = [];
  /** Fires `change` whenever a request arrived or was answered, a socket opened or closed, or a frame came in. */
  readonly changes: EventEmitter = new EventEmitter().setMaxListeners(0);
  /** The address of the service, base path included, without a trailing slash. Known once it listens. */
  url = "";

  constructor(options: Partial<FakeOptions>) {
    this.options = { ...DEFAULTS, ...options };
    this.users = createUsers(this.options.privateTeamspace);
  }

  /** The service's clock, in milliseconds. */
  now(): number {
    return this.options.now() + this.options.clockOffsetMs;
  }

  /** A new secret that the leak test will look for. */
  mint(kind: SecretKind, prefix: string): string {
    const value = `${prefix}_${randomBytes(24).toString("base64url")}`;
    this.issued.set(value, kind);
    return value;
  }

  /** A user code without vowels, so that it spells nothing (RFC 8628 §6.1). */
  mintUserCode(): string {
    const letters = "BCDFGHJKLMNPQRSTVWXZ";
    const half = (): string => Array.from({ length: 4 }, () => letters.charAt(randomInt(letters.length))).join("");
    return `${half()}-${half()}`;
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

  /** How many requests came for this path, of those that `filter` accepts. */
  count(path: string, filter: (request: FakeRequest) => boolean = () => true): number {
    return this.requests.filter((request) => request.path === path && filter(request)).length;
  }

  /** Waits until the predicate holds, looking again whenever something happened. Rejects after `timeoutMs`. */
  until(predicate: () => boolean, timeoutMs = 20_000): Promise<void> {
    if (predicate()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (predicate()) finish(resolve);
      };
      const timer = setTimeout(() => finish(() => reject(new Error(`not within ${timeoutMs} ms: ${predicate}`))), timeoutMs);
      const finish = (end: () => void): void => {
        clearTimeout(timer);
        this.changes.off("change", look);
        end();
      };
      this.changes.on("change", look);
    });
  }
}
