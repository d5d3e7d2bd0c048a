import { createHash } from "node:crypto";
import { ulidPattern } from "./ulid.ts";

const schemaVersion = "3.0.0";

export const aggregateTypes = ["WorkPackage", "Mission", "MissionDossier", "Build"] as const;
const lanes = [
  "planned",
  "claimed",
  "in_progress",
  "in_review",
  "for_review",
  "approved",
  "done",
  "blocked",
  "canceled",
] as const;

/** What was expected; undefined for a valid value. */
type Check = (value: unknown) => string | undefined;

const text: Check = (value) =>
  typeof value === "string" && value.trim() !== "" ? undefined : "expected non-empty text";
const count: Check = (value) =>
  Number.isSafeInteger(value) && Number(value) >= 0 ? undefined : "expected a whole number, 0 or more";
const textOrCount: Check = (value) => (text(value) && count(value) ? "expected text or a whole number" : undefined);
const workPackage: Check = (value) =>
  typeof value === "string" && /^WP\d\d$/.test(value) ? undefined : 'expected "WP" and two digits, such as "WP01"';
const oneOf =
  (...known: readonly string[]): Check =>
  (value) =>
    typeof value === "string" && known.includes(value) ? undefined : `expected one of ${known.join(", ")}`;

/** Required keys of each event's payload; more are allowed. */
const payloads = {
  WPStatusChanged: { wp_id: workPackage, from_lane: oneOf(...lanes), to_lane: oneOf(...lanes) },
  WPCreated: { wp_id: workPackage, title: text, mission_slug: text },
  WPAssigned: { wp_id: workPackage, agent_id: text, phase: oneOf("implementation", "review") },
  MissionCreated: { mission_slug: text, mission_number: textOrCount, target_branch: text, wp_count: count },
  MissionClosed: { mission_slug: text, total_wps: count },
  HistoryAdded: { wp_id: workPackage, entry_type: oneOf("note", "review", "error", "comment"), entry_content: text },
  ErrorLogged: { error_type: oneOf("validation", "runtime", "network", "auth", "unknown"), error_message: text },
  DependencyResolved: {
    wp_id: workPackage,
    dependency_wp_id: workPackage,
    resolution_type: oneOf("completed", "skipped", "merged"),
  },
} satisfies Readonly<Record<string, Readonly<Record<string, Check>>>>;

export const eventTypes: readonly string[] = Object.keys(payloads);

const contextKeys = [
  "project_uuid",
  "project_slug",
  "git_branch",
  "head_commit_sha",
  "repo_slug",
] as const satisfies (keyof EventInput)[];

/** Input of {@link SyncRuntime.emit}. */
export interface EventInput {
  /** Such as `WPStatusChanged`; unknown types are refused. */
  event_type: string;
  /** The subject's ID, such as `WP01`. */
  aggregate_id: string;
  /** By default `Mission` for missions and errors outside a work package, else `WorkPackage`. */
  aggregate_type?: string;
  /** Some keys are required for each event type. */
  payload: Readonly<Record<string, unknown>>;
  /** A UUID. */
  build_id?: string;
  /** The `event_id` that caused this one. */
  causation_id?: string | null;
  /** Where in a project it happened; null if unknown, the default. */
  project_uuid?: string | null;
  project_slug?: string | null;
  git_branch?: string | null;
  head_commit_sha?: string | null;
  repo_slug?: string | null;
}

/** Event of {@link EmitReport}. */
export interface EventEnvelope extends Required<EventInput> {
  /** A ULID, and the idempotency key. */
  event_id: string;
  schema_version: string;
  /** This machine and user, hashed. */
  node_id: string;
  lamport_clock: number;
  /** ISO 8601 in UTC. */
  timestamp: string;
  team_slug: string | null;
}

/** The input's types are not trusted: it may come from a command line. */
export function eventProblems(input: EventInput): string[] {
  const problems: string[] = [];
  const check = (key: string, value: unknown, expected: string | undefined): void => {
    if (expected !== undefined) problems.push(`${key} is ${quoted(value)}, ${expected}`);
  };
  const { event_type: type, payload } = input;
  for (const key of ["feature_slug", "feature_number"])
    if (key in input) problems.push(`${key} is no longer part of an event`);
  check("event_type", type, isEventType(type) ? undefined : `expected one of ${Object.keys(payloads).join(", ")}`);
  check("aggregate_id", input.aggregate_id, text(input.aggregate_id));
  if (input.aggregate_type !== undefined)
    check("aggregate_type", input.aggregate_type, oneOf(...aggregateTypes)(input.aggregate_type));
  if (input.build_id) check("build_id", input.build_id, uuid.test(input.build_id) ? undefined : "expected a UUID");
  if (typeof input.causation_id === "string") {
    check(
      "causation_id",
      input.causation_id,
      ulidPattern.test(input.causation_id) ? undefined : "expected the ID of an event",
    );
  }
  for (const key of contextKeys) {
    const value: unknown = input[key] ?? null;
    check(key, value, value === null || typeof value === "string" ? undefined : "expected text or null");
  }
  if (typeof payload !== "object" || payload === null || Array.isArray(payload)) {
    check("payload", payload, "expected an object");
  } else if (isEventType(type)) {
    for (const [key, rule] of Object.entries(payloads[type])) check(`payload.${key}`, payload[key], rule(payload[key]));
  }
  return problems;
}

type EventStamp = Pick<EventEnvelope, "event_id" | "node_id" | "lamport_clock" | "timestamp" | "team_slug">;

export function eventEnvelope(input: EventInput, stamp: EventStamp): EventEnvelope {
  return {
    ...stamp,
    event_type: input.event_type,
    aggregate_id: input.aggregate_id,
    aggregate_type: input.aggregate_type ?? defaultAggregateType(input),
    schema_version: schemaVersion,
    build_id: input.build_id ?? "",
    payload: input.payload,
    causation_id: input.causation_id ?? null,
    ...(Object.fromEntries(contextKeys.map((key) => [key, input[key] ?? null])) as Record<
      (typeof contextKeys)[number],
      string | null
    >),
  };
}

export function nodeId(hostname: string, username: string): string {
  return createHash("sha256").update(`${hostname}:${username}`).digest("hex").slice(0, 12);
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

function isEventType(type: string): type is keyof typeof payloads {
  return Object.hasOwn(payloads, type);
}

function defaultAggregateType(input: EventInput): (typeof aggregateTypes)[number] {
  if (input.event_type.startsWith("Mission")) return "Mission";
  return input.event_type === "ErrorLogged" && workPackage(input.aggregate_id) ? "Mission" : "WorkPackage";
}

/** Shortened: a wrong payload may be a whole document. */
function quoted(value: unknown): string {
  if (value === undefined) return "missing";
  try {
    const json = JSON.stringify(value) ?? typeof value;
    return json.length > 60 ? `${json.slice(0, 57)}…` : json;
  } catch {
    return `a ${typeof value} that JSON cannot represent`;
  }
}
