import type { AuthorizedFetch, AuthorizedRequestInit } from "../auth/authorized-fetch.ts";
import { AuthError, isTransient, hint } from "../base/errors.ts";
import { isJsonObject, type JsonObject } from "../http/json-members.ts";
import { invalidAnswer, readJsonObject } from "../http/request.ts";
import { retryAfter, retryDelay } from "../http/retry.ts";
import type { Clock } from "../platform/clock.ts";
import { retryAfterSeconds, trackerFailure, trackerStatus } from "./errors.ts";

export interface TrackerAccess {
  fetch: AuthorizedFetch;
  clock: Clock;
  team: () => string | Promise<string>;
  /** From 0 to 1, for jitter; `Math.random` by default. */
  random?: () => number;
}

interface TrackerRequest {
  method: "GET" | "POST";
  /** Below `/api/v1/tracker/`, with the required trailing slash. */
  path: string;
  /** A GET's query or a POST's JSON body. */
  parameters?: JsonObject;
  /** The same on every resend, so that the work is done once. */
  idempotencyKey?: string | undefined;
  signal?: AbortSignal | undefined;
}

const timeoutMs = 30_000;
/** A result may hold hundreds of issues with all their comments. */
const maxResultBytes = 64 * 1024 * 1024;
/** Of an operation; a 429 with a longer wait is an error at once. */
const longestWaitMs = 300_000;
const longestPauseMs = 30_000;

/** Waits for the result, also after a 202. */
export async function trackerResult(request: TrackerRequest, access: TrackerAccess): Promise<JsonObject> {
  const { status, result } = await send(request, access);
  return status === 202 ? resultOfOperation(result["operation_id"], access, request.signal) : result;
}

/** By the tracker's own rule: once more after a 429, no other retries. */
async function send(
  request: TrackerRequest,
  { fetch, clock, team }: TrackerAccess,
): Promise<{ status: number; result: JsonObject }> {
  const { method, path, parameters = {}, idempotencyKey, signal } = request;
  const isRead = method === "GET";
  const query = new URLSearchParams();
  if (isRead)
    for (const [name, value] of Object.entries(parameters)) if (value !== undefined) query.set(name, String(value));
  const url = `/api/v1/tracker/${path}${query.size > 0 ? `?${query}` : ""}`;
  const headers = {
    accept: "application/json",
    "x-team-slug": await team(),
    ...(!isRead && { "content-type": "application/json" }),
    ...(idempotencyKey !== undefined && { "idempotency-key": idempotencyKey }),
  };
  const init: AuthorizedRequestInit = {
    method,
    headers,
    redirects: "service",
    retries: 0,
    timeoutMs,
    ...(!isRead && { body: JSON.stringify(parameters) }),
    ...(signal && { signal }),
  };
  for (let isResend = false; ; isResend = true) {
    const response = await fetch(url, init);
    const body = await readJsonObject(response, maxResultBytes, signal);
    if (response.ok && body !== undefined) return { status: response.status, result: body };
    if (response.ok) throw invalidAnswer(response, "responded without a JSON object");
    const askedMs = retryAfter(response);
    const waitMs = retryAfterSeconds(body) ?? askedMs ?? 5000;
    if (response.status !== 429 || isResend || waitMs > longestWaitMs)
      throw trackerFailure(response.status, body, askedMs);
    await clock.sleep(waitMs, { signal });
  }
}

/**
 * Polls after 1, 2, 4 … 30 s, each shortened by up to a half, for 300 s. Transient failures of polls do not matter: the
 * work goes on.
 */
async function resultOfOperation(
  id: unknown,
  access: TrackerAccess,
  signal: AbortSignal | undefined,
): Promise<JsonObject> {
  const { clock, random = Math.random } = access;
  // A part of a path: it must not lead elsewhere.
  if (typeof id !== "string" || !/^[\w-][\w.:-]{0,199}$/.test(id)) {
    throw new AuthError("service_answer_invalid", 'the tracker returned 202 without a usable "operation_id"', {
      hint: "Report this to the operator of the service",
    });
  }
  const startedAt = clock.monotonic();
  let problem: unknown;
  for (let attempt = 1; ; attempt += 1) {
    const pauseMs = Math.min(longestPauseMs, retryDelay({ attempt, random: random() }));
    if (clock.monotonic() - startedAt + pauseMs > longestWaitMs) {
      throw new AuthError(
        "timed_out",
        `operation "${id}" did not finish within ${longestWaitMs / 1000} s, and may still finish`,
        {
          hint: hint`See its state: ${trackerStatus}`,
          cause: problem,
        },
      );
    }
    await clock.sleep(pauseMs, { signal });
    const { result: operation } = await send({ method: "GET", path: `operations/${id}/`, signal }, access).catch(
      (error: unknown) => {
        if (!isTransient(error)) throw error;
        problem = error;
        return { result: {} as JsonObject };
      },
    );
    const { status, result, error } = operation;
    if (status === "completed") return isJsonObject(result) ? result : operation;
    if (status === "failed")
      throw trackerFailure(
        200,
        isJsonObject(error) ? error : { message: typeof error === "string" ? error : `operation "${id}" failed` },
      );
  }
}
