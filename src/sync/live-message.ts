/** What became of an event that was sent over the connection. */
export interface LiveAnswer {
  eventId: string;
  /** `accepted`, `duplicate` or `rejected`; another word counts as rejected. */
  status: string;
  /** Such as `schema_mismatch`; undefined when the service does not say. */
  category: string | undefined;
  retryable: boolean;
}

/** A frame from the service. */
export type LiveFrame =
  | { kind: "snapshot"; workPackages: readonly unknown[] }
  | { kind: "event"; event: Readonly<Record<string, unknown>> }
  | { kind: "ping"; timestamp: unknown }
  | { kind: "answer"; answer: LiveAnswer }
  /** Nothing that is understood: passed over, since a newer service may say more than this client knows. */
  | { kind: "ignored"; why: string };

/** Above this, parsing would stop the whole program for seconds. */
const longestFrame = 16 * 1024 * 1024;

/**
 * Reads one frame. Never throws: whatever arrives, the connection goes on.
 *
 * @param data - as a WebSocket gives it: a string for a text frame
 */
export function parseFrame(data: unknown): LiveFrame {
  if (typeof data !== "string") return ignored("it is not text");
  if (data.length > longestFrame) return ignored(`it has ${data.length} characters`);
  let frame: unknown;
  try {
    frame = JSON.parse(data);
  } catch {
    return ignored("it is not JSON");
  }
  if (typeof frame !== "object" || frame === null || Array.isArray(frame)) return ignored("it is no JSON object");
  return understood(frame as Readonly<Record<string, unknown>>);
}

function understood(frame: Readonly<Record<string, unknown>>): LiveFrame {
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
      if (typeof eventId !== "string") return ignored("it answers no event");
      const status = typeof frame["status"] === "string" ? frame["status"] : type === "ack" ? "accepted" : "rejected";
      return { kind: "answer", answer: { eventId, status, category: typeof category === "string" ? category : undefined, retryable: frame["retryable"] === true } };
    }
    default:
      return ignored("its type is unknown");
  }
}

function ignored(why: string): LiveFrame {
  return { kind: "ignored", why };
}
