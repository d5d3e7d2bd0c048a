import type * as runtime from "../base/runtime-types.ts";
import { retryDelay, type RetryFacts } from "../http/retry.ts";
import { type ConnectionOptions, holdConnection, type Socket } from "../auth/websocket/connection.ts";
import type { WebSocketTicket } from "../auth/websocket/ticket.ts";
import { AuthError, isTransient, ServiceError } from "../base/errors.ts";
import type { EventEnvelope } from "./events.ts";
import { heartbeat } from "./heartbeat.ts";
import { type LiveFrame, parseFrame } from "./live-message.ts";
import type { Account } from "./queue.ts";

/**
 * How things stand. `Reconnecting` after a loss, `OfflineBatchMode` once that has gone on for a while: events go in batches
 * then, and a connection is still tried for. `Offline` before the start and after the end.
 */
export type LiveState = "Connected" | "Reconnecting" | "Offline" | "OfflineBatchMode";

/** Something that a live connection has to tell. */
export type LiveMessage = Exclude<LiveFrame, { kind: "ping" }> | { kind: "state"; state: LiveState; reason: AuthError | undefined };

/** What a live client is made of. @internal */
export interface LiveClientOptions extends Pick<ConnectionOptions, "clock" | "WebSocket" | "through"> {
  /** Who is logged in now; asked for every connection, since that changes while a program runs. */
  account: (signal: AbortSignal) => Promise<Account>;
  /** Gets a new ticket for a team; one is used for every connection. */
  ticket: (team: string, signal: AbortSignal, account: Account) => Promise<WebSocketTicket>;
  /** Told of everything that arrives and of every change of state. What it throws is ignored. */
  onMessage?: (message: LiveMessage) => void;
  /** What a pong says about the build that this runs in; nothing by default. */
  buildId?: string;
  /** From 0 to 1, for jitter; `Math.random` by default. */
  random?: () => number;
}

const failuresBeforeBatches = 5;
const answerLimitMs = 10_000;

interface Connection {
  readonly socket: Socket;
  /** Whose ticket opened it. */
  readonly account: Account;
}

/** The service's live connection: what happens arrives at once, and what is emitted leaves at once. */
export class LiveClient {
  readonly #options: LiveClientOptions;
  readonly #stop = new AbortController();
  readonly #waiting = new Map<string, (isDelivered: boolean) => void>();
  #connection: Connection | undefined;
  #state: LiveState = "Offline";
  #failures = 0;

  /** Nothing is connected before {@link LiveClient.run}. @internal */
  constructor(options: LiveClientOptions) {
    this.#options = options;
  }

  /** How things stand now. */
  get state(): LiveState {
    return this.#state;
  }

  /**
   * Connects, and connects again whenever the connection is lost, each time with a new ticket.
   *
   * @param signal - ends it, as {@link LiveClient.close} does
   * @returns when it was ended
   * @throws {@link AuthError} as soon as trying again cannot help: nobody is logged in, the session is over, the service denies
   * the team or refuses two fresh tickets in a row, or the runtime has no WebSocket
   */
  async run(signal?: runtime.AbortSignal): Promise<void> {
    const stop = signal ? AbortSignal.any([signal, this.#stop.signal]) : this.#stop.signal;
    const { clock, random = Math.random } = this.#options;
    let reason: AuthError | undefined;
    try {
      while (!stop.aborted) {
        const previous = reason;
        reason = undefined;
        try {
          await this.#connectOnce(stop);
        } catch (error) {
          if (stop.aborted) return;
          if (!(error instanceof AuthError) || !mayPass(error, previous)) throw error;
          reason = error;
        }
        if (stop.aborted) return;
        this.#failures += 1;
        this.#enter(this.#failures > failuresBeforeBatches ? "OfflineBatchMode" : "Reconnecting", reason);
        const retryAfterMs = reason instanceof ServiceError ? reason.retryAfterMs : undefined;
        const asked = { attempt: this.#failures, retryAfterMs, random: random() };
        await clock.sleep(retryAfterMs === undefined ? reconnectDelay(asked) : retryDelay(asked), { signal: stop }).catch(() => undefined);
      }
    } finally {
      this.#enter("Offline", undefined);
    }
  }

  /**
   * Sends an event to the account it belongs to, if that is the one that is connected.
   *
   * @returns true once the service says that it has the event; false when it does not say so in 10 seconds, which means nothing:
   * the event is in the queue, and the service knows it again
   */
  deliver(event: EventEnvelope, account: Account): Promise<boolean> {
    const open = this.#connection;
    if (open === undefined || !isSame(open.account, account)) return Promise.resolve(false);
    return new Promise((resolve) => {
      const id = event.event_id;
      const settle = (isDelivered: boolean): void => {
        this.#waiting.delete(id);
        resolve(isDelivered);
      };
      this.#waiting.set(id, settle);
      this.#options.clock.timeout(answerLimitMs).addEventListener("abort", () => settle(false), { once: true });
      open.socket.send(JSON.stringify(event));
    });
  }

  /** Ends {@link LiveClient.run} and the connection. */
  close(): void {
    this.#stop.abort();
  }

  /** One connection, from its ticket to its end. */
  async #connectOnce(stop: AbortSignal): Promise<void> {
    const { account: whose, ticket: getTicket } = this.#options;
    const account = await whose(stop);
    if (account.team === null) throw new AuthError("access_denied", "this account is in no team, and live updates are a team's", { hint: "Your teams: spec-kitty auth team" });
    const ticket = await getTicket(account.team, stop, account);
    // Someone else may have logged in between the two: then it is their ticket, and their events.
    if (!isSame(account, await whose(stop))) return;
    const onOpen = (socket: Socket): void => {
      this.#connection = { socket, account };
      this.#enter("Connected", undefined);
    };
    const { heard, lost, end } = heartbeat(this.#options.clock);
    const onMessage = (data: unknown, socket: Socket): void => {
      // What was given up may still have something to say, which comes again with the next snapshot.
      if (!lost.aborted) heard(this.#receive(data, socket).kind === "ping");
    };
    try {
      await holdConnection(ticket, { ...this.#options, onOpen, onMessage, signal: AbortSignal.any([stop, lost]) });
      lost.throwIfAborted();
    } finally {
      end();
      this.#connection = undefined;
      for (const settle of [...this.#waiting.values()]) settle(false);
    }
  }

  #receive(data: unknown, socket: Socket): LiveFrame {
    const frame = parseFrame(data);
    // Only now: a service that accepts connections and drops them at once is not one to come back to ever faster.
    if (frame.kind !== "ignored") this.#failures = 0;
    if (frame.kind === "answer") this.#waiting.get(frame.answer.eventId)?.(frame.answer.status === "accepted" || frame.answer.status === "duplicate");
    const { buildId } = this.#options;
    if (frame.kind !== "ping") this.#tell(frame);
    else socket.send(JSON.stringify({ type: "pong", timestamp: frame.timestamp, ...(buildId && { build_id: buildId }) }));
    return frame;
  }

  #enter(state: LiveState, reason: AuthError | undefined): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#tell({ kind: "state", state, reason });
  }

  #tell(message: LiveMessage): void {
    try {
      this.#options.onMessage?.(message);
    } catch {
      // Whoever listens must not end the connection.
    }
  }
}

/** min(0.5·2ⁿ, 30) s, shortened by up to a half, so that a service that restarts is not met by all its clients at once. */
function reconnectDelay({ attempt, random }: RetryFacts): number {
  return Math.min(500 * 2 ** (attempt - 1), 30_000) * (1 - random / 2);
}

/**
 * Whether another try may succeed. A ticket refused at the upgrade may have come too late, so one more is tried; two in a row
 * mean that the service does not want this client.
 */
function mayPass(error: AuthError, previous: AuthError | undefined): boolean {
  if (error instanceof ServiceError && error.status === 401) return !(previous instanceof ServiceError && previous.status === 401);
  return isTransient(error);
}

function isSame(a: Account, b: Account): boolean {
  return a.service === b.service && a.user === b.user && a.team === b.team;
}
