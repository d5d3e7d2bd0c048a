import { type AuthError, NotAuthenticatedError, ServiceError } from "../base/errors.ts";
import { isTransientStatus } from "../http/retry.ts";
import { serviceText } from "./service-request.ts";

/** What an answer means for one event. An event that has none stays in the queue as it is. */
export type EventVerdict =
  | { kind: "delivered" | "duplicate" | "pending" }
  | {
      kind: "rejected";
      /** The service's own word, such as `schema_mismatch`. */
      category: string | undefined;
      reason: string;
      /** Whether trying again cannot help. */
      final: boolean;
    };

/** What an answer means for a batch. */
export interface BatchVerdict {
  /** By `event_id`; only events that were sent. */
  events: ReadonlyMap<string, EventVerdict>;
  /** Go on with the next batch, send this one again in two halves, or end the pass because of {@link BatchVerdict.failure}. */
  next: "continue" | "halve" | "stop";
  failure?: AuthError;
}

const finalCategories = ["schema_mismatch", "project_not_admitted", "project_refused"];

/**
 * Judges the answer to a batch of events. It never drops what the service did not say that it has: an answer that is no
 * JSON, has no `results`, or names other events leaves every event where it is.
 *
 * @param status - HTTP status
 * @param retryAfterMs - how long the service asked to wait, in milliseconds; undefined when it did not
 * @param body - the answer's JSON, undefined when it is none
 * @param sent - the `event_id` of every event in the batch
 */
export function judgeBatch(
  status: number,
  retryAfterMs: number | undefined,
  body: Readonly<Record<string, unknown>> | undefined,
  sent: readonly string[],
): BatchVerdict {
  if (status >= 200 && status < 300) return { events: verdicts(body?.["results"], sent, judgeResult), next: "continue" };
  if (status === 413) {
    return halve(sent, { kind: "rejected", category: "too_large", reason: "the service does not take an event of this size (413)", final: true });
  }
  if (status === 400) {
    const events = verdicts(body?.["details"], sent, (detail) => rejected(detail, "the service refused it (400)"));
    if (events.size > 0) return { events, next: "continue" };
    return halve(sent, { kind: "rejected", category: undefined, reason: serviceText(body?.["error"]) ?? "the service refused it (400)", final: false });
  }
  return { events: new Map(), next: "stop", failure: failureOf(status, retryAfterMs) };
}

/** One event cannot be halved: it is the culprit. */
function halve(sent: readonly string[], verdict: EventVerdict): BatchVerdict {
  const [only] = sent;
  if (sent.length > 1 || only === undefined) return { events: new Map(), next: "halve" };
  return { events: new Map([[only, verdict]]), next: "continue" };
}

function failureOf(status: number, retryAfterMs: number | undefined): AuthError {
  if (status === 401) return new NotAuthenticatedError("the service refused the access token, and a refreshed one too", { code: "session_ended" });
  const facts = { status, retryAfterMs };
  if (status === 403) {
    return new ServiceError("access_denied", "the service does not take events from this account for this team (403)", {
      ...facts,
      hint: "Look at the teams of this account: spec-kitty auth team",
    });
  }
  const mayPass = isTransientStatus(status);
  return new ServiceError(mayPass ? "service_unavailable" : "service_answer_invalid", `the service answered ${status} to a batch of events`, {
    ...facts,
    hint: mayPass ? "Nothing was lost. Try again later: spec-kitty sync now" : "Check the address of the service: spec-kitty auth status",
  });
}

function judgeResult(result: Readonly<Record<string, unknown>>): EventVerdict | undefined {
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
      // Only a status that is there and says something else is a refusal; half an entry says nothing.
      return typeof result["status"] === "string" ? rejected(result, `the service answered "${serviceText(result["status"])}"`) : undefined;
  }
}

function rejected(entry: Readonly<Record<string, unknown>>, otherwise: string): EventVerdict {
  const category = serviceText(entry["error_category"]);
  const said = ["error_message", "detail", "error", "reason"].map((key) => serviceText(entry[key])).find((value) => value !== undefined);
  return { kind: "rejected", category, reason: said ?? otherwise, final: category !== undefined && finalCategories.includes(category) };
}

/** The verdicts of a list of entries that each have an `event_id`; some services send the list as a JSON string. */
function verdicts(
  list: unknown,
  sent: readonly string[],
  judge: (entry: Readonly<Record<string, unknown>>) => EventVerdict | undefined,
): Map<string, EventVerdict> {
  const events = new Map<string, EventVerdict>();
  const known = new Set(sent);
  for (const entry of parseList(list)) {
    if (typeof entry !== "object" || entry === null) continue;
    const members = entry as Readonly<Record<string, unknown>>;
    const id = members["event_id"];
    const verdict = judge(members);
    if (typeof id === "string" && known.has(id) && verdict) events.set(id, verdict);
  }
  return events;
}

function parseList(list: unknown): readonly unknown[] {
  if (Array.isArray(list)) return list;
  try {
    const value: unknown = typeof list === "string" ? JSON.parse(list) : undefined;
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}
