import type { AuthorizedFetch, AuthorizedRequestInit } from "../auth/authorized-fetch.ts";
import { excerpt } from "../base/secret.ts";
import { oneLine } from "../base/text.ts";
import { type JsonObject, textOf } from "../http/json-members.ts";
import { readJsonObject } from "../http/request.ts";
import { retryAfter } from "../http/retry.ts";

/** What every request of the synchronization needs. */
export interface ServiceAccess {
  fetch: AuthorizedFetch;
  /** Ends the wait for an answer; the caller gets its reason. */
  signal?: AbortSignal | undefined;
}

/** An answer, read to its end. */
export interface ServiceAnswer {
  status: number;
  /** Undefined when the body is not a JSON object. */
  body: JsonObject | undefined;
  /** How long the service asked to wait, in milliseconds; undefined when it did not. */
  retryAfterMs: number | undefined;
}

/**
 * Sends one request to the service and returns the answer, whatever its status is.
 *
 * @param path - absolute path on the service
 * @param timeoutMs - from the first byte sent to the last byte read, in milliseconds
 * @throws {@link ServiceError} `network_unavailable` when there was no answer in time; what the authorized fetch throws
 * when there is no token to send; the signal's reason
 */
export async function requestService(path: string, init: AuthorizedRequestInit, { fetch, signal }: ServiceAccess, timeoutMs: number): Promise<ServiceAnswer> {
  // Each caller has a rule of its own for what follows a failure, so that nothing is repeated behind its back.
  const response = await fetch(path, { ...init, redirects: "service", retries: 0, timeoutMs, ...(signal && { signal }) });
  const body = await readJsonObject(response, undefined, signal);
  return { status: response.status, body, retryAfterMs: retryAfter(response, body) };
}

/** Text from the service, for a message or a file that people read on a terminal: one line, at most 500 characters. */
export function serviceText(value: unknown): string | undefined {
  // A service that quotes the request quotes the token too.
  const line = excerpt(oneLine(textOf(value) ?? ""), 500);
  return line === "" ? undefined : line;
}
