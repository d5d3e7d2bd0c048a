import { readJsonObject } from "../auth/oauth/exchange.ts";
import { AuthError, ServiceError } from "../errors.ts";
import type { Clock } from "../platform/clock.ts";

/** `fetch` that sends the access token along and takes care of a 401. A path without a host goes to the service. */
export type AuthorizedFetch = (input: string, init?: RequestInit) => Promise<Response>;

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
  /** `Retry-After` (RFC 9110 §10.2.3), in milliseconds; undefined when the service did not say. */
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
    const response = await fetch(path, { ...init, signal: signal ? AbortSignal.any([signal, limit]) : limit });
    const body = await readJsonObject(response);
    return { status: response.status, body, retryAfterMs: retryAfter(response.headers, clock) };
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

function retryAfter(headers: Headers, clock: Clock): number | undefined {
  const value = headers.get("retry-after")?.trim();
  if (!value) return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const until = Date.parse(value);
  // Against the server's own clock where it tells it, since ours may be wrong.
  const now = Date.parse(headers.get("date") ?? "") || clock.now();
  return Number.isNaN(until) ? undefined : Math.max(0, until - now);
}

/** Text from the service, for a message or a file that people will show on a terminal: on one line, and short. */
export function serviceText(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  const line = value.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ").trim().slice(0, 500);
  return line === "" ? undefined : line;
}
