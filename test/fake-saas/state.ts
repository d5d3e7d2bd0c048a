import { EventEmitter } from "node:events";
import { Issuer, type Grant, type IssuerUser } from "../../src/app/testing/issuer.ts";
import { until } from "../helpers/until.ts";
import { Faults } from "./faults.ts";
import type { FakeRequest } from "./http.ts";
import { DEFAULTS } from "./options.ts";
import type { FakeOptions } from "./options.ts";
import type { ReceivedArtifact, ReceivedEvent, Verdict } from "./records.ts";
import type { FakeSocket } from "./socket.ts";
import { createUsers } from "./users.ts";
import type { UserName } from "./users.ts";

/** The service's state, kept through restarts. */
export class FakeState extends Issuer {
  override readonly options: FakeOptions;
  override readonly users: Record<UserName, IssuerUser>;
  readonly counters = {
    logins: 0,
    refreshes: 0,
    /** Consumed refresh tokens presented again, whatever the effect. */
    reuses: 0,
    /** Sessions ended by the issuer: by reuse, by a repeated code, or by {@link Issuer.revoke}. */
    revocations: 0,
    logouts: 0,
    devicePolls: 0,
    slowDowns: 0,
    tickets: 0,
    /** Identities exchanged for an access token. */
    exchanges: 0,
    idempotentReplays: 0,
  };
  readonly faults: Faults = new Faults();
  readonly requests: FakeRequest[] = [];
  readonly tickets: Map<string, Grant & { readonly team: string }> = new Map();
  /** By `event_id`. */
  readonly events: Map<string, ReceivedEvent> = new Map();
  /** The verdict on a valid new event; undefined: `accepted`. */
  judge: (event: Record<string, unknown>, deliveries: number) => Verdict | undefined = () => undefined;
  /** Of batch ingest, announced by the health endpoint. A single event may have `maxEventBytes`. */
  readonly limits = { maxEvents: 1000, maxBytes: 262_144, maxEventBytes: 1_048_576 };
  readonly tracker = {
    /** For pulls, in pages. */
    items: [] as unknown[],
    /** From pushes, without repeats of an idempotency key. */
    pushed: [] as unknown[],
    /** Verbs with a 202: polls until the end, and an error if it fails. */
    asynchronous: new Map<string, { polls: number; error?: object }>(),
  };
  /** By `artifact_path`. */
  readonly artifacts: Map<string, ReceivedArtifact> = new Map();
  readonly sockets: Set<FakeSocket> = new Set();
  /** From clients, parsed. */
  readonly frames: unknown[] = [];
  /** In a socket's first frame. */
  workPackages: unknown[] = [];
  /** Fires `change` for requests, responses, sockets and frames. */
  readonly changes: EventEmitter = new EventEmitter().setMaxListeners(0);

  constructor(options: Partial<FakeOptions>) {
    super();
    this.options = { ...DEFAULTS, ...options };
    this.users = createUsers(this.options.privateTeamspace);
  }

  override now(): number {
    return this.options.now() + this.options.clockOffsetMs;
  }

  override revoke(sessionId: string): void {
    const session = this.sessions.get(sessionId);
    if (session !== undefined && session.ended === undefined) this.counters.revocations += 1;
    super.revoke(sessionId);
  }

  /** Refresh tokens stay good. */
  expireAccessTokens(): void {
    for (const token of this.accessTokens.values()) token.expiresAt = this.now() - 1;
  }

  /** Requests for a path. */
  count(path: string, filter: (request: FakeRequest) => boolean = () => true): number {
    return this.requests.filter((request) => request.path === path && filter(request)).length;
  }

  /** Checks again after every change. */
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
