import { randomUUID } from "node:crypto";
import { isObject, jsonOf } from "./http.ts";
import type { Answer, FakeRequest } from "../../src/app/testing/http.ts";
import { authenticated } from "../../src/app/testing/sessions.ts";
import type { Route } from "../../src/app/testing/http.ts";
import { isMember } from "./users.ts";
import type { Caller } from "../../src/app/testing/sessions.ts";
import type { FakeState } from "./state.ts";

const BASE = "/api/v1/tracker/";
const READS = ["status", "mappings", "resources"];
const ROUTED = [...READS, "pull", "push", "run"];
const WRITES = ["pull", "push", "run", "issue-search", "list-tickets", "bind-resolve", "bind-confirm", "bind-validate"];
const IDEMPOTENT = ["push", "run", "bind-confirm"];

type Parameters = Record<string, unknown>;

interface Operation {
  readonly user: string;
  readonly result: object;
  readonly error: object | undefined;
  pollsLeft: number;
}

/** Verbs in `state.tracker.asynchronous` get a 202 and polls. */
export function trackerRoutes(state: FakeState): Route[] {
  const operations = new Map<string, Operation>();
  const answered = new Map<string, { body: string; answer: Answer }>();

  const perform = (verb: string, { session: { user } }: Caller, parameters: Parameters): Answer => {
    const result = resultOf(state, verb, parameters);
    const asynchronous = state.tracker.asynchronous.get(verb);
    if (asynchronous === undefined) return { status: 200, body: result };
    const id = randomUUID();
    operations.set(id, { user, result, error: asynchronous.error, pollsLeft: asynchronous.polls });
    return { status: 202, body: { operation_id: id, status: "pending" } };
  };

  /** The same key and body get the first response; the work is done once. */
  const once = (verb: string, caller: Caller, parameters: Parameters, request: FakeRequest): Answer => {
    const key = request.headers["idempotency-key"];
    if (typeof key !== "string" || !/^[0-9a-f-]{36}$/i.test(key)) return problem(400, "idempotency_key_required");
    const known = answered.get(`${caller.session.user} ${verb} ${key}`);
    if (known !== undefined) {
      state.counters.idempotentReplays += 1;
      return known.body === request.body ? known.answer : problem(409, "idempotency_key_reused");
    }
    const answer = perform(verb, caller, parameters);
    answered.set(`${caller.session.user} ${verb} ${key}`, { body: request.body, answer });
    return answer;
  };

  const handle = (verb: string, caller: Caller, request: FakeRequest): Answer => {
    const parameters = READS.includes(verb) ? Object.fromEntries(request.query) : jsonOf(request);
    const wrong = defect(verb, caller, parameters, request);
    if (wrong !== undefined) return wrong;
    return IDEMPOTENT.includes(verb)
      ? once(verb, caller, parameters ?? {}, request)
      : perform(verb, caller, parameters ?? {});
  };

  const poll = (caller: Caller, request: FakeRequest): Answer => {
    const id = request.path.slice(`${BASE}operations/`.length, -1);
    const operation = operations.get(id);
    if (operation?.user !== caller.session.user) return problem(404, "operation_not_found");
    operation.pollsLeft -= 1;
    const { pollsLeft, error, result } = operation;
    if (pollsLeft > 0) return { status: 200, body: { operation_id: id, status: "running" } };
    return {
      status: 200,
      body: {
        operation_id: id,
        ...(error === undefined ? { status: "completed", result } : { status: "failed", error }),
      },
    };
  };

  const route = (method: string, verb: string): Route => [
    method,
    `${BASE}${verb}/`,
    authenticated(state, (caller, request) => handle(verb, caller, request)),
  ];
  return [
    ...READS.map((verb) => route("GET", verb)),
    ...WRITES.map((verb) => route("POST", verb)),
    ["GET", /^\/api\/v1\/tracker\/operations\/[^/]+\/$/, authenticated(state, poll)],
  ];
}

function defect(
  verb: string,
  { user }: Caller,
  parameters: Parameters | undefined,
  { headers }: FakeRequest,
): Answer | undefined {
  const team = headers["x-team-slug"];
  if (typeof team !== "string" || !isMember(user, team)) return problem(403, "not_a_team_member");
  if (parameters === undefined) return problem(400, "invalid_request");
  if (typeof parameters["provider"] !== "string") return problem(400, "provider_required");
  const routing = parameters["binding_ref"] ?? parameters["project_slug"];
  if (ROUTED.includes(verb) && typeof routing !== "string") return problem(400, "routing_required");
  if (verb === "push" && !Array.isArray(parameters["items"])) return problem(400, "items_required");
  return undefined;
}

/** In the tracker's format. */
function problem(status: number, code: string): Answer {
  return {
    status,
    body: {
      error_code: code,
      category: "request",
      message: code.replaceAll("_", " "),
      retryable: false,
      user_action_required: false,
      source: "saas",
    },
  };
}

/** A verb's effect and result. Pulls page through `state.tracker.items`; pushes add to `state.tracker.pushed`. */
function resultOf({ tracker }: FakeState, verb: string, parameters: Parameters): object {
  const limit = typeof parameters["limit"] === "number" ? parameters["limit"] : 100;
  switch (verb) {
    case "status":
      return { provider: parameters["provider"], connected: true };
    case "mappings":
      return { mappings: [] };
    case "resources":
      return { resources: [{ id: "res_1", name: "Board" }] };
    case "pull": {
      const start = Number(parameters["cursor"] ?? 0);
      const end = start + limit;
      return { items: tracker.items.slice(start, end), next_cursor: end < tracker.items.length ? String(end) : null };
    }
    case "push": {
      const items: unknown[] = Array.isArray(parameters["items"]) ? parameters["items"] : [];
      tracker.pushed.push(...items);
      return { pushed: items.length };
    }
    case "run":
      return { pulled: Math.min(limit, tracker.items.length), pushed: 0 };
    case "issue-search":
    case "list-tickets":
      return { items: tracker.items.filter(isObject).slice(0, limit) };
    case "bind-resolve":
      return { candidates: [{ candidate_token: "cand_1", name: "Board" }] };
    case "bind-confirm":
      return { binding_ref: "bind_1" };
    default:
      return { valid: true };
  }
}
