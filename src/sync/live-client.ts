import type * as runtime from "../base/runtime-types.ts";
import { retryAfterOf, retryDelay, type RetryFacts } from "../http/retry.ts";
import { type ConnectionOptions, holdConnection, type Socket } from "../auth/websocket/connection.ts";
import type { WebSocketTicket } from "../auth/websocket/ticket.ts";
import { AuthError, isTransient, ServiceError } from "../base/errors.ts";
import type { EventEnvelope } from "./events.ts";
import { heartbeat } from "./heartbeat.ts";
import { type LiveFrame, type LiveMessage, type LiveState, parseFrame } from "./live-message.ts";
import { type Account, isSameAccount, teamOf } from "./queue.ts";

/** @internal */
export interface LiveClientOptions extends Pick<ConnectionOptions, "clock" | "WebSocket" | "through"> {
  /** Called for every connection, since it may change. */
  account: (signal: AbortSignal) => Promise<Account>;
  /** For each connection anew. */
  ticket: (team: string, signal: AbortSignal, account: Account) => Promise<WebSocketTicket>;
  /** Its errors are ignored. */
  onMessage?: (message: LiveMessage) => void;
  /** From 0 to 1, for jitter; `Math.random` by default. */
  random?: () => number;
}

const failuresBeforeBatches = 5;
const answerLimitMs = 10_000;

interface Connection {
  readonly socket: Socket;
  /** Of the connection's ticket. */
  readonly account: Account;
}

/** Made by {@link createLiveClient}. */
export interface LiveClient {
  readonly state: LiveState;
  /**
   * Sends an event of the connected account.
   *
   * @returns true once the service confirms that it has the event; false for another account's, or after 10 seconds,
   *   harmlessly: the event is queued, and its `event_id` makes a second delivery a duplicate
   * @internal
   */
  deliver(event: EventEnvelope, account: Account): Promise<boolean>;
  /**
   * Connects, and reconnects after each loss.
   *
   * @param signal - ends it, as {@link LiveClient.close} does
   * @throws {@link AuthError} as soon as another try cannot help: not logged in, session ended, team denied, two fresh tickets in a row refused, or a runtime without WebSocket
   */
  run(signal?: runtime.AbortSignal): Promise<void>;
  close(): void;
}

/** Connects only in {@link LiveClient.run}. @internal */
export function liveClient(options: LiveClientOptions): LiveClient {
  return new Live(options);
}

class Live implements LiveClient {
  readonly #options: LiveClientOptions;
  readonly #stop = new AbortController();
  readonly #waiting = new Map<string, (isDelivered: boolean) => void>();
  #connection: Connection | undefined;
  #state: LiveState = "Offline";
  #failures = 0;

  constructor(options: LiveClientOptions) {
    this.#options = options;
  }

  get state(): LiveState {
    return this.#state;
  }

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
          if (!(error instanceof AuthError) || !mayRetry(error, previous)) throw error;
          reason = error;
        }
        if (stop.aborted) return;
        this.#failures += 1;
        this.#enter(this.#failures > failuresBeforeBatches ? "OfflineBatchMode" : "Reconnecting", reason);
        const retryAfterMs = retryAfterOf(reason);
        const asked = { attempt: this.#failures, retryAfterMs, random: random() };
        await clock
          .sleep(retryAfterMs === undefined ? reconnectDelay(asked) : retryDelay(asked), { signal: stop })
          .catch(() => undefined);
      }
    } finally {
      this.#enter("Offline", undefined);
    }
  }

  deliver(event: EventEnvelope, account: Account): Promise<boolean> {
    const open = this.#connection;
    if (open === undefined || !isSameAccount(open.account, account)) return Promise.resolve(false);
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

  close(): void {
    this.#stop.abort();
  }

  async #connectOnce(stop: AbortSignal): Promise<void> {
    const { account: currentAccount, ticket: getTicket } = this.#options;
    const account = await currentAccount(stop);
    const ticket = await getTicket(teamOf(account, "live updates need"), stop, account);
    // After another login in between, ticket and events would be that user's.
    if (!isSameAccount(account, await currentAccount(stop))) return;
    const onOpen = (socket: Socket): void => {
      this.#connection = { socket, account };
      this.#enter("Connected", undefined);
    };
    const { heard, lost, end } = heartbeat(this.#options.clock);
    const onMessage = (data: unknown, socket: Socket): void => {
      // A given-up connection may still deliver; it comes again with the next snapshot.
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
    // Only now: a service that accepts and drops connections must not reset the back-off.
    if (frame.kind !== "ignored") this.#failures = 0;
    if (frame.kind === "answer")
      this.#waiting.get(frame.answer.eventId)?.(
        frame.answer.status === "accepted" || frame.answer.status === "duplicate",
      );
    if (frame.kind !== "ping") this.#report(frame);
    else socket.send(JSON.stringify({ type: "pong", timestamp: frame.timestamp }));
    return frame;
  }

  #enter(state: LiveState, reason: AuthError | undefined): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#report({ kind: "state", state, reason });
  }

  #report(message: LiveMessage): void {
    try {
      this.#options.onMessage?.(message);
    } catch {
      // A listener must not end the connection.
    }
  }
}

/** min(0.5·2ⁿ, 30) s, shortened by up to a half: not all clients return at once after a restart. */
function reconnectDelay({ attempt, random }: RetryFacts): number {
  return Math.min(500 * 2 ** (attempt - 1), 30_000) * (1 - random / 2);
}

/** A refused ticket may have expired, so one more is tried; two refusals in a row are a denial. */
function mayRetry(error: AuthError, previous: AuthError | undefined): boolean {
  if (error instanceof ServiceError && error.status === 401)
    return !(previous instanceof ServiceError && previous.status === 401);
  return isTransient(error);
}
