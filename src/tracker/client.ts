import type * as runtime from "../base/runtime-types.ts";
import { randomUUID } from "node:crypto";
import { AuthError } from "../base/errors.ts";
import type { JsonObject } from "../http/json-members.ts";
import { type TrackerAccess, trackerResult } from "./request.ts";

/** Part of {@link TrackerCalls}. */
export interface Routing {
  /** Such as `linear` or `jira`. */
  provider: string;
  /** Takes precedence over the project. */
  bindingRef?: string | undefined;
  projectSlug?: string | undefined;
}

/** Options of {@link TrackerClient}. */
export interface CallOptions {
  /** An accepted operation continues. */
  signal?: runtime.AbortSignal | undefined;
  /** Of `push`, `run` and `bindConfirm`, a UUID: the same to repeat a call. A new one by default. */
  idempotencyKey?: string | undefined;
}

/** Parameters of {@link TrackerClient}. */
export interface TrackerCalls {
  /** The provider's connection, and the last exchange. */
  status: Routing;
  /** Which fields correspond. */
  mappings: Routing;
  /** Boards, teams, repositories. */
  resources: Routing;
  /** 100 by default; the result's `next_cursor` gets the next ones. */
  pull: Routing & {
    limit?: number | undefined;
    cursor?: string | undefined;
    filters?: Readonly<Record<string, unknown>> | undefined;
  };
  push: Routing & { items: readonly unknown[] };
  /** A pull by default, then a push. */
  run: Routing & { pullFirst?: boolean; limit?: number | undefined };
  /** 20 by default. */
  searchIssues: Routing & { queryText?: string | undefined; queryKey?: string | undefined; limit?: number | undefined };
  /** 20 by default. */
  listTickets: Routing & { limit?: number | undefined };
  /** Candidates for a project, each with a `candidate_token`. */
  bindResolve: { provider: string; projectIdentity: Readonly<Record<string, unknown>> };
  bindConfirm: { provider: string; candidateToken: string; projectIdentity: Readonly<Record<string, unknown>> };
  bindValidate: { provider: string; bindingRef: string; projectIdentity: Readonly<Record<string, unknown>> };
}

/**
 * Made by {@link createTrackerClient}. If the service does the work later, the client waits for the result.
 *
 * All calls throw as the authorized fetch, and {@link TrackerError} for refusals of the service or its provider. A 401
 * throws {@link NotAuthenticatedError}. {@link AuthError} `usage_invalid`: a required `bindingRef` or `projectSlug` is
 * missing; `timed_out`: an operation takes more than 5 minutes.
 */
export type TrackerClient = {
  readonly [Name in keyof TrackerCalls]: (
    call: TrackerCalls[Name],
    options?: Name extends "push" | "run" | "bindConfirm" ? CallOptions : Omit<CallOptions, "idempotencyKey">,
  ) => Promise<Readonly<Record<string, unknown>>>;
};

/** One that `writes` is done once, however often it is sent. */
const requests: {
  readonly [Name in keyof TrackerCalls]: (
    call: TrackerCalls[Name],
  ) => readonly [kind: "GET" | "POST" | "writes", path: string, parameters: JsonObject];
} = {
  status: (call) => ["GET", "status/", routed(call)],
  mappings: (call) => ["GET", "mappings/", routed(call)],
  resources: (call) => ["GET", "resources/", routed(call)],
  pull: ({ limit = 100, cursor, filters, ...to }) => ["POST", "pull/", { ...routed(to), limit, cursor, filters }],
  push: ({ items, ...to }) => ["writes", "push/", { ...routed(to), items }],
  run: ({ pullFirst: pull_first = true, limit = 100, ...to }) => [
    "writes",
    "run/",
    { ...routed(to), pull_first, limit },
  ],
  searchIssues: ({ queryText: query_text, queryKey: query_key, limit = 20, ...to }) => [
    "POST",
    "issue-search/",
    { ...routed(to, "optional"), query_text, query_key, limit },
  ],
  listTickets: ({ limit = 20, ...to }) => ["POST", "list-tickets/", { ...routed(to, "optional"), limit }],
  bindResolve: ({ provider, projectIdentity: project_identity }) => [
    "POST",
    "bind-resolve/",
    { provider, project_identity },
  ],
  bindConfirm: ({ provider, candidateToken: candidate_token, projectIdentity: project_identity }) => [
    "writes",
    "bind-confirm/",
    { provider, candidate_token, project_identity },
  ],
  bindValidate: ({ provider, bindingRef: binding_ref, projectIdentity: project_identity }) => [
    "POST",
    "bind-validate/",
    { provider, binding_ref, project_identity },
  ],
};

/** Sends nothing before the first call. @internal */
export function trackerClient(access: TrackerAccess): TrackerClient {
  const call =
    (request: (call: never) => ReturnType<(typeof requests)["pull"]>) =>
    async (about: never, { signal, idempotencyKey = randomUUID() }: CallOptions = {}): Promise<JsonObject> => {
      const [kind, path, parameters] = request(about);
      return kind === "writes"
        ? trackerResult({ method: "POST", path, parameters, signal, idempotencyKey }, access)
        : trackerResult({ method: kind, path, parameters, signal }, access);
    };
  return Object.fromEntries(Object.entries(requests).map(([name, request]) => [name, call(request)])) as TrackerClient;
}

/** Never both, so that the service need not choose. */
function routed(
  { provider, bindingRef, projectSlug }: Routing,
  need: "required" | "optional" = "required",
): JsonObject {
  if (bindingRef) return { provider, binding_ref: bindingRef };
  if (projectSlug) return { provider, project_slug: projectSlug };
  if (need === "optional") return { provider };
  throw new AuthError("usage_invalid", `the tracker "${provider}" needs a project or a binding`, {
    hint: "Pass a project or a binding",
  });
}
