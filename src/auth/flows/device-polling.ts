import { AuthError, isTransient, ServiceError } from "../../base/errors.ts";
import { retryDelay } from "../../http/retry.ts";
import type { DeviceAuthorization } from "../oauth/device-authorization.ts";
import type { TokenResponse } from "../oauth/token-endpoint.ts";

/** Both of the machine's clocks, read together, in milliseconds. */
export interface PollReading {
  /** `Clock.now()`. */
  readonly wall: number;
  /** `Clock.monotonic()`. */
  readonly monotonic: number;
}

/** The user has not decided yet: wait, then ask once, then {@link nextPoll}. */
export interface PollWait {
  readonly kind: "wait";
  /** How long to wait from the reading on, in milliseconds. */
  readonly ms: number;
  /** From one poll to the next, in milliseconds. */
  readonly intervalMs: number;
  /** The interval that the server gave, in milliseconds, which is longer where this program's cap cuts it. */
  readonly announcedMs: number;
  /** Tries in a row that had no answer. */
  readonly failures: number;
  /** What was left of the code's lifetime at the reading, in milliseconds; {@link timeLeft} says what is left now. */
  readonly leftMs: number;
  readonly reading: PollReading;
}

/** Where a device login stands. */
export type PollState = PollWait | { readonly kind: "done"; readonly tokens: TokenResponse } | PollFailed;

/** The login is over. `error` says why: `timed_out`, `access_denied`, or whatever ended the asking. */
interface PollFailed {
  readonly kind: "failed";
  readonly error: unknown;
}

/** NFR-003: an unattended terminal does not poll for longer, whatever lifetime the server gives the code. */
const maxLifetimeMs = 15 * 60_000;
/** FR-018: so that a user who has approved is not kept waiting by a server's caution, unless it has insisted. */
const maxIntervalMs = 10_000;
/** An interval near 0 must not become a loop at full speed. */
const minIntervalMs = 1000;
/** RFC 8628 §3.5, `slow_down`: for this and all later polls. */
const slowDownMs = 5000;

/**
 * The state after the codes have come (RFC 8628 §3.5). The first poll waits too: nobody approves a code that they have
 * not seen.
 *
 * @param authorization - lifetime and interval, in seconds, as the server gave them
 * @param reading - the clocks before the codes were asked for, so that the code lives no longer here than there
 */
export function startPolling(
  { expires_in, interval }: Pick<DeviceAuthorization, "expires_in" | "interval">,
  reading: PollReading,
): PollState {
  const announcedMs = Math.max(interval * 1000, minIntervalMs);
  const intervalMs = Math.min(announcedMs, maxIntervalMs);
  const leftMs = Math.min(expires_in * 1000, maxLifetimeMs);
  return wait({ intervalMs, announcedMs, failures: 0, leftMs, reading }, intervalMs);
}

/**
 * The state after one poll.
 *
 * @param state - the state that was waited for
 * @param answer - tokens, or what the asking threw
 * @param reading - the clocks when the answer was there: the interval runs from then on, which is never too early
 * @param random - from 0 to 1, spreads the tries of clients that lost the same server
 */
export function nextPoll(
  state: PollWait,
  answer: { readonly tokens: TokenResponse } | { readonly error: unknown },
  reading: PollReading,
  random: number,
): PollState {
  // Before any look at the clocks: who has the tokens is not told that the code has expired.
  if ("tokens" in answer) return { kind: "done", tokens: answer.tokens };
  const { error } = answer;
  if (!(error instanceof ServiceError)) return { kind: "failed", error };

  const { intervalMs, announcedMs } = state;
  const next = { intervalMs, announcedMs, failures: 0, leftMs: timeLeft(state, reading), reading };
  const toldMs = error.retryAfterMs ?? 0;
  // The name goes before the status: some servers send `slow_down` with 429, and it lasts, which a 429 does not.
  switch (error.error) {
    case "authorization_pending":
      return wait(next, intervalMs, error);
    case "slow_down": {
      // From the server's own interval on, without the cap. A server that adds 5 seconds each time as well would stay
      // ahead of a client that started below it, and call every single poll too early until the code expires.
      const slower = Math.max(intervalMs, announcedMs) + slowDownMs;
      return wait({ ...next, intervalMs: slower }, Math.max(slower, toldMs), error);
    }
    case "expired_token":
      return expired(error);
    case "access_denied":
      return failed("access_denied", "the login was denied", error);
    case "invalid_grant":
      // Also what a server says when it sent the tokens and the connection broke: one code is good for one answer.
      return failed("service_rejected", "the service no longer accepts the code", error);
  }
  // What passes is waited out, for the user may be typing the code right now. Everything else will not get better.
  if (!isTransient(error)) return { kind: "failed", error };
  const failures = state.failures + 1;
  if (error.retryAfterMs !== undefined) return wait({ ...next, failures }, Math.max(intervalMs, toldMs), error);
  // On top of the interval, since RFC 8628 §3.5 wants polls to become rarer after a time-out, from the first one on; but
  // not past the code's end, where the last chance would be lost.
  const backOffMs = Math.min(retryDelay({ attempt: failures, random }), next.leftMs - 2 * intervalMs);
  return wait({ ...next, failures }, intervalMs + Math.max(0, backOffMs), error);
}

/**
 * What is left of the code's lifetime, in milliseconds; 0 when it is over.
 *
 * Of both clocks the one that went further counts. The monotonic one may stand still while the machine sleeps, and the
 * code ages on the server all the same; the wall clock may be set back, and the code grows no younger by that.
 *
 * @param state - the last state
 * @param reading - the clocks now
 */
export function timeLeft({ leftMs, reading: then }: PollWait, reading: PollReading): number {
  const passed = Math.max(reading.monotonic - then.monotonic, reading.wall - then.wall, 0);
  return Math.max(0, leftMs - passed);
}

/** A poll that the code does not live to see cannot succeed: the end is told now, and not after one more wait. */
function wait(state: Omit<PollWait, "kind" | "ms">, ms: number, cause?: ServiceError): PollState {
  return ms < state.leftMs ? { kind: "wait", ms, ...state } : expired(cause);
}

function expired(cause: ServiceError | undefined): PollFailed {
  return failed("timed_out", "the code expired before it was approved", cause);
}

function failed(code: "timed_out" | "access_denied" | "service_rejected", message: string, cause: ServiceError | undefined): PollFailed {
  return { kind: "failed", error: new AuthError(code, message, { hint: "Run: spec-kitty auth login --headless", cause }) };
}
