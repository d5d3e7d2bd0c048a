import { AuthError, isTransient, ServiceError, hint, login } from "../../base/errors.ts";
import { retryDelay } from "../../http/retry.ts";
import type { DeviceAuthorization } from "../oauth/device-authorization.ts";
import type { TokenResponse } from "../oauth/token-endpoint.ts";

export interface ClockReading {
  readonly wall: number;
  readonly monotonic: number;
}

export interface PollWait {
  readonly kind: "wait";
  /** From the reading. */
  readonly ms: number;
  readonly intervalMs: number;
  /** The server's, if longer than this client's cap. */
  readonly announcedMs: number;
  readonly failures: number;
  /** At the reading; see {@link timeLeft}. */
  readonly leftMs: number;
  readonly reading: ClockReading;
}

export type PollState = PollWait | { readonly kind: "done"; readonly tokens: TokenResponse } | PollFailed;

interface PollFailed {
  readonly kind: "failed";
  readonly error: unknown;
}

/** NFR-003: whatever the code's lifetime. */
const maxLifetimeMs = 15 * 60_000;
/** FR-018: a cautious server must not delay an approved user, unless it insists with `slow_down`. */
const maxIntervalMs = 10_000;
/** Not a busy loop. */
const minIntervalMs = 1000;
/** RFC 8628 §3.5: `slow_down` lasts for all later polls. */
const slowDownMs = 5000;

/**
 * The first poll waits too (RFC 8628 §3.5): no user approves a code unseen.
 *
 * @param authorization - in seconds
 * @param reading - the clocks before the request: the code must not live longer here than at the server
 */
export function startPolling(
  { expires_in, interval }: Pick<DeviceAuthorization, "expires_in" | "interval">,
  reading: ClockReading,
): PollState {
  const announcedMs = Math.max(interval * 1000, minIntervalMs);
  const intervalMs = Math.min(announcedMs, maxIntervalMs);
  const leftMs = Math.min(expires_in * 1000, maxLifetimeMs);
  return wait({ intervalMs, announcedMs, failures: 0, leftMs, reading }, intervalMs);
}

/**
 * @param reading - the clocks at the response, where the interval starts
 * @param random - from 0 to 1, spreads clients that lost the same server
 */
export function nextPoll(
  state: PollWait,
  answer: { readonly tokens: TokenResponse } | { readonly error: unknown },
  reading: ClockReading,
  random: number,
): PollState {
  // Before the clocks: a login with tokens must not fail because the code has expired.
  if ("tokens" in answer) return { kind: "done", tokens: answer.tokens };
  const { error } = answer;
  if (!(error instanceof ServiceError)) return { kind: "failed", error };

  const { intervalMs, announcedMs } = state;
  const next = { intervalMs, announcedMs, failures: 0, leftMs: timeLeft(state, reading), reading };
  const toldMs = error.retryAfterMs ?? 0;
  // The error takes precedence over the status: some servers send `slow_down` with 429.
  switch (error.error) {
    case "authorization_pending":
      return wait(next, intervalMs, error);
    case "slow_down": {
      // Without the cap: a server that also adds 5 seconds would stay ahead of a client that started below it.
      const slower = Math.max(intervalMs, announcedMs) + slowDownMs;
      return wait({ ...next, intervalMs: slower }, Math.max(slower, toldMs), error);
    }
    case "expired_token":
      return expired(error);
    case "access_denied":
      return failed("access_denied", "the login was denied", error);
    case "invalid_grant":
      // Also after a connection broke under the tokens: a code is good for one response.
      return failed("service_rejected", "the issuer no longer accepts the code", error);
  }
  // The user may be entering the code now.
  if (!isTransient(error)) return { kind: "failed", error };
  const failures = state.failures + 1;
  if (error.retryAfterMs !== undefined) return wait({ ...next, failures }, Math.max(intervalMs, toldMs), error);
  // RFC 8628 §3.5 wants polls to become rarer from the first timeout on; but past the code's lifetime the last chance
  // is lost.
  const backOffMs = Math.min(retryDelay({ attempt: failures, random }), next.leftMs - 2 * intervalMs);
  return wait({ ...next, failures }, intervalMs + Math.max(0, backOffMs), error);
}

/** By the clock that advanced further: the monotonic one may stop during sleep, the wall clock may be set back. */
export function timeLeft({ leftMs, reading: then }: PollWait, reading: ClockReading): number {
  const passed = Math.max(reading.monotonic - then.monotonic, reading.wall - then.wall, 0);
  return Math.max(0, leftMs - passed);
}

/** A poll after the code's expiry cannot succeed. */
function wait(state: Omit<PollWait, "kind" | "ms">, ms: number, cause?: ServiceError): PollState {
  return ms < state.leftMs ? { kind: "wait", ms, ...state } : expired(cause);
}

function expired(cause: ServiceError | undefined): PollFailed {
  return failed("timed_out", "nobody approved the code in time", cause);
}

function failed(
  code: "timed_out" | "access_denied" | "service_rejected",
  message: string,
  cause: ServiceError | undefined,
): PollFailed {
  return {
    kind: "failed",
    error: new AuthError(code, message, { hint: hint`Run: ${login(undefined, "--headless")}`, cause }),
  };
}
