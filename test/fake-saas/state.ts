import { EventEmitter } from "node:events";
import { Issuer, noCounts, type Grant, type IssuerUser } from "../../src/app/testing/issuer.ts";
import { until } from "../helpers/until.ts";
import { Faults } from "./faults.ts";
import type { FakeRequest } from "./http.ts";
import { DEFAULTS } from "./options.ts";
import type { FakeOptions } from "./options.ts";
import type { ReceivedArtifact, ReceivedEvent, Verdict } from "./records.ts";
import type { FakeSocket } from "./socket.ts";
import { createUsers } from "./users.ts";
import type { UserName } from "./users.ts";

/** Everything the service remembers. Restarts keep it; only a new fake forgets. */
export class FakeState extends Issuer {
  override readonly options: FakeOptions;
  override readonly users: Record<UserName, IssuerUser>;
  /** `exchanges`: identities of another issuer that were exchanged for an access token. */
  override readonly counters: typeof noCounts & Record<"tickets" | "exchanges" | "idempotentReplays", number> = {
    ...noCounts,
    tickets: 0,
    exchanges: 0,
    idempotentReplays: 0,
  };
  readonly faults: Faults = new Faults();
  readonly requests: FakeRequest[] = [];
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

  constructor(options: Partial<FakeOptions>) {
    super();
    this.options = { ...DEFAULTS, ...options };
    this.users = createUsers(this.options.privateTeamspace);
  }

  override now(): number {
    return this.options.now() + this.options.clockOffsetMs;
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
