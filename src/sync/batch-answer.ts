import type { AuthError } from "../base/errors.ts";
import { isJsonObject, parseJson, type JsonObject } from "../http/json-members.ts";
import { drainFailure, type ServiceAnswer, serviceText } from "./service-request.ts";

/** Others stay queued unchanged. */
export type EventVerdict =
  | { kind: "delivered" | "duplicate" | "pending" }
  | {
      kind: "rejected";
      category: string | undefined;
      reason: string;
      final: boolean;
    };

interface BatchVerdict {
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
