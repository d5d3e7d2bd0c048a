import { textOf, type JsonObject } from "../http/json-members.ts";
import { isTransientStatus } from "../http/retry.ts";
import { AuthError, type AuthErrorCode } from "../base/errors.ts";

/** What the service says about a failure of the tracker. What it does not say is undefined, or false. */
export interface TrackerFacts {
  /** HTTP status of the answer; 200 when an operation failed that was accepted earlier. */
  readonly status: number;
  /** The service's own name of the failure, such as `binding_stale`. */
  readonly errorCode: string | undefined;
  /** The service's own kind of failure, such as `request`. */
  readonly category: string | undefined;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** Whether somebody has to do something first, such as connecting the provider again. */
  readonly userActionRequired: boolean;
  /** Who failed: the service itself, or the provider behind it. */
  readonly source: string | undefined;
  /** How long the service asks to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;
}

/** The tracker refused or failed, in the service's own words. */
export class TrackerError extends AuthError implements TrackerFacts {
  override readonly name: string = "TrackerError";
  /** This and the members below: as in {@link TrackerFacts}. */
  readonly status: number;
  readonly errorCode: string | undefined;
  readonly category: string | undefined;
  readonly retryable: boolean;
  readonly userActionRequired: boolean;
  readonly source: string | undefined;
  readonly retryAfterMs: number | undefined;

  /** `message`: the service's own. The code and the hint come from the facts. */
  constructor(message: string, facts: TrackerFacts) {
    super(codeOf(facts), message, { hint: hintOf(facts) });
    this.status = facts.status;
    this.errorCode = facts.errorCode;
    this.category = facts.category;
    this.retryable = facts.retryable;
    this.userActionRequired = facts.userActionRequired;
    this.source = facts.source;
    this.retryAfterMs = facts.retryAfterMs;
  }
}

/**
 * The error that an answer or a failed operation describes.
 *
 * @param status - of the answer
 * @param body - `{error_code|code, category, message, …}`; undefined when it was no JSON object
 * @param retryAfterMs - from `Retry-After`; what the body says goes first
 */
export function trackerError(status: number, body: JsonObject | undefined, retryAfterMs?: number): TrackerError {
  const facts: TrackerFacts = {
    status,
    errorCode: textOf(body?.["error_code"]) ?? textOf(body?.["code"]) ?? textOf(body?.["error"]),
    category: textOf(body?.["category"]),
    retryable: body?.["retryable"] === true,
    userActionRequired: body?.["user_action_required"] === true,
    source: textOf(body?.["source"]),
    retryAfterMs: retryAfterSeconds(body) ?? retryAfterMs,
  };
  const named = facts.errorCode && `the tracker answered ${status} "${facts.errorCode}"`;
  return new TrackerError(textOf(body?.["message"]) ?? named ?? `HTTP ${status}`, facts);
}

/** `retry_after_seconds` of a body, in milliseconds. */
export function retryAfterSeconds(body: JsonObject | undefined): number | undefined {
  const seconds = body?.["retry_after_seconds"];
  return typeof seconds === "number" && seconds >= 0 ? seconds * 1000 : undefined;
}

function codeOf({ status, retryable }: TrackerFacts): AuthErrorCode {
  if (status === 401) return "not_authenticated";
  if (status === 403) return "access_denied";
  return retryable || isTransientStatus(status) ? "service_unavailable" : "service_rejected";
}

function hintOf(facts: TrackerFacts): string {
  const code = codeOf(facts);
  if (code === "not_authenticated") return "Run: spec-kitty auth login";
  if (facts.userActionRequired) return "Somebody has to settle this on the pages of the service first";
  if (facts.retryAfterMs !== undefined) return `Try again in ${Math.ceil(facts.retryAfterMs / 1000)} s`;
  return code === "service_unavailable" ? "Try again in a moment" : "See how it is connected: spec-kitty tracker status --provider PROVIDER";
}
