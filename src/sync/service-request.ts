import type { AuthorizedFetch, AuthorizedRequestInit } from "../auth/authorized-fetch.ts";
import { hint, isTransient, NotAuthenticatedError, ServiceError, type AuthError } from "../base/errors.ts";
import { excerpt } from "../base/secret.ts";
import { oneLine } from "../base/text.ts";
import { isJsonObject, type JsonObject, textOf } from "../http/json-members.ts";
import { readJsonObject } from "../http/request.ts";
import { isTransientStatus, retryAfter, whenToRetry } from "../http/retry.ts";
import type { BatchLimits } from "./batch.ts";

export interface ServiceAccess {
  fetch: AuthorizedFetch;
  signal?: AbortSignal | undefined;
}

export interface ServiceAnswer {
  status: number;
  body: JsonObject | undefined;
  retryAfterMs: number | undefined;
}

/** Whatever the status, read to its end within `timeoutMs`. */
export async function requestService(
  path: string,
  init: AuthorizedRequestInit,
  { fetch, signal }: ServiceAccess,
  timeoutMs: number,
): Promise<ServiceAnswer> {
  // No automatic retries: each caller has its own rule after a failure.
  const response = await fetch(path, {
    ...init,
    redirects: "service",
    retries: 0,
    timeoutMs,
    ...(signal && { signal }),
  });
  const body = await readJsonObject(response, undefined, signal);
  return { status: response.status, body, retryAfterMs: retryAfter(response, body) };
}

/** Safe in a message or file for a terminal. */
export function serviceText(value: unknown): string | undefined {
  // A service that quotes the request quotes the token too.
  const line = excerpt(oneLine(textOf(value) ?? ""), 500);
  return line === "" ? undefined : line;
}

/** Neither the event's fault nor the artifact's. */
export function drainFailure(status: number, retryAfterMs: number | undefined, what: string): AuthError {
  if (status === 401)
    return new NotAuthenticatedError("the service rejects the access token, even after a refresh", {
      code: "session_ended",
    });
  const facts = { status, retryAfterMs };
  if (status === 403) {
    return new ServiceError("access_denied", "the service rejects events from this account for this team (403)", {
      ...facts,
      hint: hint`See your teams: ${{ command: "auth team" }}`,
    });
  }
  const isPassing = isTransientStatus(status);
  return new ServiceError(
    isPassing ? "service_unavailable" : "service_answer_invalid",
    `the service returned ${status} to ${what}`,
    {
      ...facts,
      hint: isPassing
        ? hint`Try again ${retryAfterMs === undefined ? "later" : whenToRetry(retryAfterMs)}: ${{ command: "sync now" }}`
        : hint`Check the URL of the service: ${{ command: "auth status" }}`,
    },
  );
}

interface SyncHealth {
  state: "connected" | "authentication_failed" | "denied" | "unexpected" | "unreachable";
  /** The protocol's, or the service's lower ones. */
  limits: BatchLimits;
}

const protocolLimits: BatchLimits = { events: 1000, bytes: 262_144 };

const states: Partial<Record<number, SyncHealth["state"]>> = {
  200: "connected",
  401: "authentication_failed",
  403: "denied",
};

/** An unreachable service is a state, not an error. */
export async function syncHealth(access: ServiceAccess): Promise<SyncHealth> {
  try {
    const { status, body } = await requestService("/api/v1/sync/health/", { method: "GET" }, access, 5000);
    const limits = member(member(body, "sync_ingress"), "limits");
    return {
      state: states[status] ?? "unexpected",
      limits: {
        events: lower(protocolLimits.events, member(limits, "max_events_per_batch")),
        bytes: lower(protocolLimits.bytes, member(limits, "max_decompressed_bytes_per_batch")),
      },
    };
  } catch (error) {
    if (error instanceof NotAuthenticatedError) return { state: "authentication_failed", limits: protocolLimits };
    // A held lock says nothing about the service.
    if (isTransient(error) && error.code !== "lock_unavailable")
      return { state: "unreachable", limits: protocolLimits };
    throw error;
  }
}

/** A limit can only be lowered, and not to nothing. */
function lower(limit: number, said: unknown): number {
  return typeof said === "number" && said >= 1 ? Math.min(limit, Math.floor(said)) : limit;
}

function member(value: unknown, name: string): unknown {
  return isJsonObject(value) ? value[name] : undefined;
}
