import { randomBytes, randomInt } from "node:crypto";
import { EventEmitter } from "node:events";
import { until } from "../helpers/until.ts";
import { Faults } from "./faults.ts";
import type { FakeRequest } from "./http.ts";
import { DEFAULTS } from "./options.ts";
import type { FakeOptions } from "./options.ts";
import type { FakeSession, Grant, ReceivedArtifact, ReceivedEvent, SecretKind, Verdict } from "./records.ts";
import type { FakeSocket } from "./socket.ts";
import { createUsers } from "./users.ts";
import type { FakeUser, UserName } from "./users.ts";

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
    /** Identities of another issuer that were exchanged for an access token. */
    exchanges: 0,
    idempotentReplays: 0,
  };
  /** Every secret that was ever issued or shown to the service, and its kind. User codes and states are shown on purpose. */
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
  readonly tracker = {
    /** What pulls page through. */
    items: [] as unknown[],
    /** Every item whose push was done, repeats of an idempotency key left out. */
    pushed: [] as unknown[],
    /** Verbs answered 202, after how many polls they end, and with which error if not with success. */
    asynchronous: new Map<string, { polls: number; error?: object }>(),
  };
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

  /** Waits until the predicate holds, looking again whenever something happened. */
  until(predicate: () => boolean): Promise<void> {
    if (predicate()) return Promise.resolve();
    let look = (): void => undefined;
    const event = new Promise<void>((resolve) => {
      look = () => predicate() && resolve();
      this.changes.on("change", look);
    });
    return until(`${predicate}`, event).finally(() => this.changes.off("change", look));
  }
}
