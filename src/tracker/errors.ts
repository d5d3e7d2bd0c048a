import { NotAuthenticatedError, ServiceError, hint, type KnownErrorCode, type Hint } from "../base/errors.ts";
import { excerpt } from "../base/secret.ts";
import { printable } from "../base/text.ts";
import { type JsonObject, textOf } from "../http/json-members.ts";
import { whenToRetry, isTransientStatus } from "../http/retry.ts";

/**
 * A refusal or failure of the tracker; `status` is 200 when an accepted operation failed later. For a 401, which only a
 * login fixes, it is the `cause` of a {@link NotAuthenticatedError}; {@link trackerFacts} finds it there.
 */
export class TrackerError extends ServiceError {
  override readonly name: string = "TrackerError";
  /** Such as `binding_stale`. */
  readonly errorCode: string | undefined;
  readonly category: string | undefined;
  readonly retryable: boolean;
  /** Whether a person has to act, for example reconnect the provider. */
  readonly userActionRequired: boolean;
  /** What failed: the service, or the provider. */
  readonly source: string | undefined;

  constructor(
    message: string,
    facts: Pick<
      TrackerError,
      "status" | "errorCode" | "category" | "retryable" | "userActionRequired" | "source" | "retryAfterMs"
    >,
  ) {
    super(codeOf(facts), message, { ...facts, error: facts.errorCode, hint: hintOf(facts) });
    this.errorCode = facts.errorCode;
    this.category = facts.category;
    this.retryable = facts.retryable;
    this.userActionRequired = facts.userActionRequired;
    this.source = facts.source;
  }
}

type Facts = ConstructorParameters<typeof TrackerError>[1];

/**
 * A failed tracker call's {@link TrackerError}; undefined for other errors.
 *
 * @param error - see {@link TrackerError}
 */
export function trackerFacts(error: unknown): TrackerError | undefined {
  if (error instanceof TrackerError) return error;
  return error instanceof NotAuthenticatedError ? trackerFacts(error.cause) : undefined;
}

/** A delay in the body takes precedence over `Retry-After`. */
export function trackerFailure(
  status: number,
  body: JsonObject | undefined,
  retryAfterMs?: number,
): TrackerError | NotAuthenticatedError {
  // Programs and crashes print these too.
  const said = (name: string): string | undefined => textOf(excerpt(printable(textOf(body?.[name]) ?? ""), 200));
  const errorCode = said("error_code") ?? said("code") ?? said("error");
  const named = errorCode && `the tracker returned ${status} "${errorCode}"`;
  const error = new TrackerError(textOf(body?.["message"]) ?? named ?? `HTTP ${status}`, {
    status,
    errorCode,
    category: said("category"),
    retryable: body?.["retryable"] === true,
    userActionRequired: body?.["user_action_required"] === true,
    source: said("source"),
    retryAfterMs: retryAfterSeconds(body) ?? retryAfterMs,
  });
  return error.code === "not_authenticated" ? new NotAuthenticatedError(error.message, { cause: error }) : error;
}

export function retryAfterSeconds(body: JsonObject | undefined): number | undefined {
  const seconds = body?.["retry_after_seconds"];
  return typeof seconds === "number" && seconds >= 0 ? seconds * 1000 : undefined;
}

function codeOf({ status, retryable }: Facts): KnownErrorCode {
  if (status === 401) return "not_authenticated";
  if (status === 403) return "access_denied";
  return retryable || isTransientStatus(status) ? "service_unavailable" : "service_rejected";
}

function hintOf(facts: Facts): Hint {
  if (facts.userActionRequired) return hint`Fix this on the website of the service`;
  if (facts.retryAfterMs !== undefined || codeOf(facts) === "service_unavailable")
    return hint`Try again ${whenToRetry(facts.retryAfterMs)}`;
  return hint`See its connection: ${trackerStatus}`;
}

export const trackerStatus = { command: "tracker status", options: ["--provider", "PROVIDER"] } as const;
