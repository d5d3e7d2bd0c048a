import type { AuthorizedFetch } from "../auth/authorized-fetch.ts";
import { readJsonObject } from "../http/request.ts";
import { retryAfter } from "../http/retry.ts";
import { AuthError, ServiceError } from "../base/errors.ts";
import type { Clock } from "../platform/clock.ts";

/** What every request of the synchronisation needs. */
export interface ServiceAccess {
  fetch: AuthorizedFetch;
  clock: Clock;
  /** Ends what is being waited for; its reason is what the caller gets. */
  signal?: AbortSignal | undefined;
}

/** An answer, read to its end. */
export interface ServiceAnswer {
  status: number;
  /** Undefined when the body is no JSON object. */
  body: Readonly<Record<string, unknown>> | undefined;
  /** How long the service asked to wait, in milliseconds; undefined when it did not. */
  retryAfterMs: number | undefined;
}

/**
 * One request to the service, and its answer whatever the status is.
 *
 * @param path - absolute path on the service
 * @param timeoutMs - from the first byte sent to the last byte read, in milliseconds
 * @throws {@link ServiceError} `network_unavailable` when there was no answer in time; what the authorized fetch throws
 * when there is no token to send; the signal's reason
 */
export async function requestService(path: string, init: RequestInit, access: ServiceAccess, timeoutMs: number): Promise<ServiceAnswer> {
  const { fetch, clock, signal } = access;
  const limit = clock.timeout(timeoutMs);
  try {
    // Every request here has its own rule for what comes after a failure, and so none that is repeated behind its back.
    const response = await fetch(path, { ...init, retries: 0, signal: signal ? AbortSignal.any([signal, limit]) : limit });
    const body = await readJsonObject(response);
    return { status: response.status, body, retryAfterMs: retryAfter(response, body) };
  } catch (cause) {
    if (signal?.aborted) throw signal.reason;
    if (cause instanceof AuthError) throw cause;
    const what = limit.aborted ? `did not answer within ${timeoutMs / 1000} s` : "cannot be reached";
    throw new ServiceError("network_unavailable", `the service ${what}`, {
      hint: "Nothing was lost. Check the network, then run: spec-kitty sync now",
      cause,
    });
  }
}

/** Text from the service, for a message or a file that people will show on a terminal: on one line, and short. */
export function serviceText(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  const line = value.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ").trim().slice(0, 500);
  return line === "" ? undefined : line;
}
