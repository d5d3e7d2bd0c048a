import { envelopeDefect } from "./envelope.ts";
import { failure } from "../../src/app/testing/http.ts";
import { isObject, jsonOf } from "./http.ts";
import type { Answer, FakeRequest } from "../../src/app/testing/http.ts";
import type { ReceivedEvent, Verdict } from "./records.ts";
import { authenticated } from "../../src/app/testing/sessions.ts";
import type { Route } from "../../src/app/testing/http.ts";
import { isMember } from "./users.ts";
import type { Caller } from "../../src/app/testing/sessions.ts";
import type { FakeState } from "./state.ts";

/** The trailing slash matters. */
export function eventRoutes(state: FakeState): Route[] {
  return [["POST", "/api/v1/events/batch/", authenticated(state, (caller, request) => ingest(state, caller, request))]];
}

function ingest(state: FakeState, { user, session }: Caller, request: FakeRequest): Answer {
  const team = request.headers["x-team-slug"];
  const sent = jsonOf(request)?.["events"];
  if (typeof team !== "string" || !isMember(user, team)) return failure(403, "not_a_team_member");
  if (!Array.isArray(sent) || !sent.every(isObject)) return failure(400, "invalid_request");
  if (isTooLarge(state, sent.length, Buffer.byteLength(request.body))) return failure(413, "payload_too_large");
  const events: Record<string, unknown>[] = sent;
  const details = events.flatMap((event) => {
    const detail = envelopeDefect(event);
    return detail === undefined ? [] : [{ event_id: event["event_id"], detail }];
  });
  if (details.length > 0) return failure(400, "invalid_events", { details });
  const results = events.flatMap(
    (event) => receiveEvent(state, event, { user: session.user, team, via: "batch" }) ?? [],
  );
  return { status: 200, body: { results } };
}

/** A single event may exceed a batch's limit. */
function isTooLarge({ limits }: FakeState, events: number, bytes: number): boolean {
  return events > limits.maxEvents || bytes > (events === 1 ? limits.maxEventBytes : limits.maxBytes);
}

/** Receives one event, by HTTP or socket; returns its result, undefined where the script omits it. */
export function receiveEvent(
  state: FakeState,
  event: Record<string, unknown>,
  from: Pick<ReceivedEvent, "user" | "team" | "via">,
): ({ event_id: string } & Exclude<Verdict, "omit">) | undefined {
  const id = String(event["event_id"]);
  const seen = state.events.get(id) ?? { event, ...from, deliveries: 0, taken: false, status: "" };
  state.events.set(id, seen);
  seen.deliveries += 1;
  const verdict = seen.taken
    ? { status: "duplicate" }
    : (state.judge(event, seen.deliveries) ?? { status: "accepted" });
  seen.status = verdict === "omit" ? "omit" : verdict.status;
  if (verdict === "omit") return undefined;
  seen.taken ||= ["success", "accepted", "warning", "duplicate"].includes(verdict.status);
  return { event_id: id, ...verdict };
}
