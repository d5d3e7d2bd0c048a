import type { AuthError } from "../base/errors.ts";
import { isJsonObject, parseJson, type JsonObject } from "../http/json-members.ts";

/**
 * `Reconnecting` after a loss; `OfflineBatchMode` when that lasts: events go in batches, and the client still tries.
 * `Offline` before the start and after the end.
 */
export type LiveState = "Connected" | "Reconnecting" | "Offline" | "OfflineBatchMode";

/** Messages of {@link LiveOptions.onMessage}. */
export type LiveMessage =
  | { kind: "snapshot"; workPackages: readonly unknown[] }
  | { kind: "event"; event: Readonly<Record<string, unknown>> }
  /** The response to an event. `status`: `accepted` or `duplicate`; other words count as rejected. */
  | {
      kind: "answer";
      answer: { eventId: string; status: string; category: string | undefined; retryable: boolean };
    }
  | { kind: "ignored"; why: string }
  | { kind: "state"; state: LiveState; reason: AuthError | undefined };

/** @internal */
export type LiveFrame = Exclude<LiveMessage, { kind: "state" }> | { kind: "ping"; timestamp: unknown };

/** Parsing longer ones would block the program for seconds. */
const longestFrame = 16 * 1024 * 1024;

/** Never throws: the connection continues. @internal */
export function parseFrame(data: unknown): LiveFrame {
  if (typeof data !== "string") return ignored("it is not text");
  if (data.length > longestFrame) return ignored(`it has ${data.length} characters`);
  const frame = parseJson(data);
  return isJsonObject(frame) ? frameOf(frame) : ignored("it is not a JSON object");
}

function frameOf(frame: JsonObject): LiveFrame {
  const { type, work_packages: workPackages, event_id: eventId, error_category: category } = frame;
  switch (type) {
    case "snapshot":
      return { kind: "snapshot", workPackages: Array.isArray(workPackages) ? workPackages : [] };
    case "event":
      return { kind: "event", event: frame };
    case "ping":
      return { kind: "ping", timestamp: frame["timestamp"] };
    case "ack":
    case "error": {
      if (typeof eventId !== "string") return ignored("it has no event_id");
      const status = typeof frame["status"] === "string" ? frame["status"] : type === "ack" ? "accepted" : "rejected";
      return {
        kind: "answer",
        answer: {
          eventId,
          status,
          category: typeof category === "string" ? category : undefined,
          retryable: frame["retryable"] === true,
        },
      };
    }
    default:
      return ignored("its type is unknown");
  }
}

function ignored(why: string): LiveFrame {
  return { kind: "ignored", why };
}
