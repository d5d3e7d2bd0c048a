import type { AuthorizedFetch } from "../auth/authorized-fetch.ts";
import { invalidAnswer, readJsonObject, retryAfter } from "../http/request.ts";
import type { Clock } from "../platform/clock.ts";
import { retryAfterSeconds, trackerError } from "./errors.ts";

/** What every request to the tracker is made with. @internal */
export interface TrackerAccess {
  fetch: AuthorizedFetch;
  clock: Clock;
  /** The id of the team whose tracker it is. */
  team: () => string | Promise<string>;
}

/** A JSON object from the tracker. */
export type TrackerResult = Readonly<Record<string, unknown>>;

/** One request. @internal */
export interface TrackerRequest {
  method: "GET" | "POST";
  /** Below `/api/v1/tracker/`, with the slash at its end, which matters. */
  path: string;
  /** The query of a GET, the JSON body of a POST. Undefined members are left out. */
  parameters?: Readonly<Record<string, unknown>>;
  /** The same on every resend, so that the work is done once. */
  idempotencyKey?: string | undefined;
  signal?: AbortSignal | undefined;
}

const timeoutMs = 30_000;
/** A result may hold hundreds of issues with all that was written about them. */
const maxResultBytes = 64 * 1024 * 1024;
/** Who is told to wait for longer than an operation may take hears so instead. */
const longestWaitMs = 300_000;

/**
 * Sends one request, and once more after a 429. All other repeating is switched off, so that the rule is the tracker's own.
 *
 * @returns the answer, which is a success
 * @throws {@link TrackerError} for every other answer, and what the authorized fetch throws
 * @internal
 */
export async function trackerRequest(request: TrackerRequest, { fetch, clock, team }: TrackerAccess): Promise<{ status: number; result: TrackerResult }> {
  const { method, path, parameters = {}, idempotencyKey, signal } = request;
  const isRead = method === "GET";
  const query = new URLSearchParams();
  if (isRead) for (const [name, value] of Object.entries(parameters)) if (value !== undefined) query.set(name, String(value));
  const url = `/api/v1/tracker/${path}${query.size > 0 ? `?${query}` : ""}`;
  const headers = {
    accept: "application/json",
    "x-team-slug": await team(),
    ...(!isRead && { "content-type": "application/json" }),
    ...(idempotencyKey !== undefined && { "idempotency-key": idempotencyKey }),
  };
  const init = { method, headers, retries: 0, timeoutMs, ...(!isRead && { body: JSON.stringify(parameters) }), ...(signal && { signal }) };
  for (let isResend = false; ; isResend = true) {
    const response = await fetch(url, init);
    const body = await readJsonObject(response, maxResultBytes).catch((error: unknown) => {
      throw signal?.aborted ? signal.reason : error;
    });
    if (response.ok && body !== undefined) return { status: response.status, result: body };
    if (response.ok) throw invalidAnswer(response, "answered without a JSON object");
    const askedMs = retryAfter(response);
    const waitMs = retryAfterSeconds(body) ?? askedMs ?? 5000;
    if (response.status !== 429 || isResend || waitMs > longestWaitMs) throw trackerError(response.status, body, askedMs);
    await clock.sleep(waitMs, { signal });
  }
}
