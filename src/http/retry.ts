import { duration } from "../base/duration.ts";
import { ServiceError } from "../base/errors.ts";
import type { JsonObject } from "./json-members.ts";

/** 408, 429, and 5xx except 501, by which the service cannot do it at all (RFC 9110 §15.6.2). */
export function isTransientStatus(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && status !== 501);
}

/** In milliseconds: the body's `retry_after`, else `Retry-After` in seconds or as a date (RFC 9110 §10.2.3). */
export function retryAfter(response: Response, body?: JsonObject): number | undefined {
  const inBody = body?.["retry_after"];
  if (typeof inBody === "number" && inBody >= 0) return inBody * 1000;
  const header = response.headers.get("retry-after")?.trim();
  if (!header) return undefined;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  const sent = Date.parse(response.headers.get("date") ?? "");
  // Two of the server's own readings, independent of this machine's clock.
  return Number.isNaN(date) || Number.isNaN(sent) ? undefined : Math.max(0, date - sent);
}

/** `in a moment`, or `in 2 hours` at the service's request. */
export function whenToRetry(retryAfterMs: number | undefined): string {
  return retryAfterMs === undefined || retryAfterMs < 1000 ? "in a moment" : `in ${duration(retryAfterMs)}`;
}

/** As the service asked, in milliseconds. */
export function retryAfterOf(error: unknown): number | undefined {
  return error instanceof ServiceError ? error.retryAfterMs : undefined;
}

export interface RetryFacts {
  /** Failed tries so far: 1 after the first. */
  attempt: number;
  retryAfterMs?: number | undefined;
  /** From 0 to 1: spreads clients that failed together. */
  random: number;
}

/** In milliseconds: what the service asked for, else 1, 2, 4 … 60 s, each shortened by up to a half. */
export function retryDelay({ attempt, retryAfterMs, random }: RetryFacts): number {
  // Timers beyond 25 days fire at once.
  if (retryAfterMs !== undefined) return Math.min(retryAfterMs, 86_400_000);
  return Math.min(1000 * 2 ** (attempt - 1), 60_000) * (1 - random / 2);
}
