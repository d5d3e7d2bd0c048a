import { NotAuthenticatedError, ServiceError, hint, type AuthError } from "../base/errors.ts";
import { isJsonObject, parseJson, type JsonObject } from "../http/json-members.ts";
import { whenToRetry, isTransientStatus } from "../http/retry.ts";
import { type ServiceAnswer, serviceText } from "./service-request.ts";

/** Others stay queued unchanged. */
export type EventVerdict =
  | { kind: "delivered" | "duplicate" | "pending" }
  | {
      kind: "rejected";
      /** Such as `schema_mismatch`. */
      category: string | undefined;
      reason: string;
      final: boolean;
    };

export interface BatchVerdict {
  /** Only sent ones, by `event_id`. */
  events: ReadonlyMap<string, EventVerdict>;
  /** Resend this batch in halves, or end the pass with {@link BatchVerdict.failure}. */
  next: "continue" | "halve" | "stop";
  failure?: AuthError;
}

const finalCategories = ["schema_mismatch", "project_not_admitted", "project_refused"];

/**
 * An event is dropped only when the service says that it has it: any other response (no JSON, no `results`, other
 * events) changes nothing.
 */
export function judgeBatch({ status, retryAfterMs, body }: ServiceAnswer, sent: readonly string[]): BatchVerdict {
  if (status >= 200 && status < 300)
    return { events: verdicts(body?.["results"], sent, judgeResult), next: "continue" };
  if (status === 413) {
    return halve(sent, {
      kind: "rejected",
      category: "too_large",
      reason: "the event is too large for the service (413)",
      final: true,
    });
  }
  if (status === 400) {
    const events = verdicts(body?.["details"], sent, (detail) => rejected(detail, "the service rejected it (400)"));
    if (events.size > 0) return { events, next: "continue" };
    return halve(sent, {
      kind: "rejected",
      category: undefined,
      reason: serviceText(body?.["error"]) ?? "the service rejected it (400)",
      final: false,
    });
  }
  return { events: new Map(), next: "stop", failure: drainFailure(status, retryAfterMs, "a batch of events") };
}

/** A single event cannot be halved: it was refused. */
function halve(sent: readonly string[], verdict: EventVerdict): BatchVerdict {
  const [only] = sent;
  if (sent.length > 1 || only === undefined) return { events: new Map(), next: "halve" };
  return { events: new Map([[only, verdict]]), next: "continue" };
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

function judgeResult(result: JsonObject): EventVerdict | undefined {
  switch (result["status"]) {
    case "success":
    case "accepted":
    case "warning":
      return { kind: "delivered" };
    case "duplicate":
      return { kind: "duplicate" };
    case "queued":
    case "pending":
      return { kind: "pending" };
    default:
      // An unknown status is a refusal; a missing one says nothing.
      return typeof result["status"] === "string"
        ? rejected(result, `the service returned "${serviceText(result["status"])}"`)
        : undefined;
  }
}

function rejected(entry: JsonObject, otherwise: string): EventVerdict {
  const category = serviceText(entry["error_category"]);
  const said = ["error_message", "detail", "error", "reason"]
    .map((key) => serviceText(entry[key]))
    .find((value) => value !== undefined);
  return {
    kind: "rejected",
    category,
    reason: said ?? otherwise,
    final: category !== undefined && finalCategories.includes(category),
  };
}

/** By `event_id`; some services send the list as a JSON string. */
function verdicts(
  list: unknown,
  sent: readonly string[],
  judge: (entry: JsonObject) => EventVerdict | undefined,
): Map<string, EventVerdict> {
  const events = new Map<string, EventVerdict>();
  const known = new Set(sent);
  for (const entry of parseList(list)) {
    if (!isJsonObject(entry)) continue;
    const id = entry["event_id"];
    const verdict = judge(entry);
    if (typeof id === "string" && known.has(id) && verdict) events.set(id, verdict);
  }
  return events;
}

function parseList(list: unknown): readonly unknown[] {
  const value = typeof list === "string" ? parseJson(list) : list;
  return Array.isArray(value) ? value : [];
}
