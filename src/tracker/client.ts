import type * as runtime from "../base/runtime-types.ts";
import { randomUUID } from "node:crypto";
import { AuthError } from "../base/errors.ts";
import { type TrackerAccess, trackerResult, type TrackerResult } from "./request.ts";

/** Which tracker of which project a call is about. */
export interface Routing {
  /** Such as `linear` or `jira`. */
  provider: string;
  /** The binding of the project; takes precedence over the project's name. */
  bindingRef?: string | undefined;
  /** The project, where there is no binding. */
  projectSlug?: string | undefined;
}

/** What every call takes in addition to its subject. */
export interface CallOptions {
  /** Ends the call; an operation that the service has accepted goes on there. */
  signal?: runtime.AbortSignal | undefined;
}

/** Options of a call that changes something. */
export interface WriteOptions extends CallOptions {
  /** A UUID; pass the same one to repeat a call whose outcome is unknown. A new one by default. */
  idempotencyKey?: string;
}

/**
 * The hosted tracker, call by call. Where the service does the work later, the client waits, so that every call returns its result.
 *
 * All calls throw {@link TrackerError} for what the service or its provider refuses, {@link NotAuthenticatedError} for a 401,
 * {@link AuthError} `usage_invalid` without `bindingRef` and `projectSlug` where one is needed, `timed_out` for an operation of more
 * than 5 minutes, and what the authorized fetch throws.
 */
export class TrackerClient {
  readonly #access: TrackerAccess;

  /** Nothing is asked before the first call. @internal */
  constructor(access: TrackerAccess) {
    this.#access = access;
  }

  /** Whether the provider is connected, and how the last exchange went. */
  status(routing: Routing, options?: CallOptions): Promise<TrackerResult> {
    return this.#read("status/", routing, options);
  }

  /** Which field of the tracker corresponds to which of ours. */
  mappings(routing: Routing, options?: CallOptions): Promise<TrackerResult> {
    return this.#read("mappings/", routing, options);
  }

  /** What a project can be bound to: boards, teams, repositories. */
  resources(routing: Routing, options?: CallOptions): Promise<TrackerResult> {
    return this.#read("resources/", routing, options);
  }

  /** Items of the tracker, 100 at a time by default; `next_cursor` of the result gets the next ones. */
  async pull(
    call: Routing & { limit?: number; cursor?: string; filters?: TrackerResult },
    options?: CallOptions,
  ): Promise<TrackerResult> {
    const { limit = 100, cursor, filters } = call;
    return this.#send("pull/", { ...routed(call), limit, cursor, filters }, options);
  }

  /** Sends items to the tracker. */
  async push(call: Routing & { items: readonly unknown[] }, options?: WriteOptions): Promise<TrackerResult> {
    return this.#write("push/", { ...routed(call), items: call.items }, options);
  }

  /** A whole exchange: pulls first unless told not to, then pushes. */
  async run(call: Routing & { pullFirst?: boolean; limit?: number }, options?: WriteOptions): Promise<TrackerResult> {
    const { pullFirst = true, limit = 100 } = call;
    return this.#write("run/", { ...routed(call), pull_first: pullFirst, limit }, options);
  }

  /** Finds issues by their text or their key, 20 at most by default. */
  async searchIssues(
    call: Routing & { queryText?: string; queryKey?: string; limit?: number },
    options?: CallOptions,
  ): Promise<TrackerResult> {
    const { queryText, queryKey, limit = 20 } = call;
    return this.#send(
      "issue-search/",
      { ...routed(call, "optional"), query_text: queryText, query_key: queryKey, limit },
      options,
    );
  }

  /** The tickets that the binding shows, 20 at most by default. */
  async listTickets(call: Routing & { limit?: number }, options?: CallOptions): Promise<TrackerResult> {
    return this.#send("list-tickets/", { ...routed(call, "optional"), limit: call.limit ?? 20 }, options);
  }

  /** What a project could be bound to, each with a `candidate_token`. */
  bindResolve(
    call: { provider: string; projectIdentity: TrackerResult },
    options?: CallOptions,
  ): Promise<TrackerResult> {
    return this.#send("bind-resolve/", { provider: call.provider, project_identity: call.projectIdentity }, options);
  }

  /** Binds a project to one of the candidates. */
  bindConfirm(
    call: { provider: string; candidateToken: string; projectIdentity: TrackerResult },
    options?: WriteOptions,
  ): Promise<TrackerResult> {
    const { provider, candidateToken, projectIdentity } = call;
    return this.#write(
      "bind-confirm/",
      { provider, candidate_token: candidateToken, project_identity: projectIdentity },
      options,
    );
  }

  /** Whether a binding is still good for a project. */
  bindValidate(
    call: { provider: string; bindingRef: string; projectIdentity: TrackerResult },
    options?: CallOptions,
  ): Promise<TrackerResult> {
    const { provider, bindingRef, projectIdentity } = call;
    return this.#send(
      "bind-validate/",
      { provider, binding_ref: bindingRef, project_identity: projectIdentity },
      options,
    );
  }

  async #read(path: string, routing: Routing, options: CallOptions = {}): Promise<TrackerResult> {
    return trackerResult({ method: "GET", path, parameters: routed(routing), ...options }, this.#access);
  }

  async #send(path: string, parameters: TrackerResult, options: CallOptions = {}): Promise<TrackerResult> {
    return trackerResult({ method: "POST", path, parameters, ...options }, this.#access);
  }

  async #write(
    path: string,
    parameters: TrackerResult,
    { idempotencyKey = randomUUID(), signal }: WriteOptions = {},
  ): Promise<TrackerResult> {
    return trackerResult({ method: "POST", path, parameters, idempotencyKey, signal }, this.#access);
  }
}

/** The binding, else the project: never both, so that the service has no choice to make. */
function routed(
  { provider, bindingRef, projectSlug }: Routing,
  need: "required" | "optional" = "required",
): TrackerResult {
  if (bindingRef) return { provider, binding_ref: bindingRef };
  if (projectSlug) return { provider, project_slug: projectSlug };
  if (need === "optional") return { provider };
  throw new AuthError("usage_invalid", `neither a binding nor a project says which tracker of "${provider}" is meant`, {
    hint: "Name the project, or its binding",
  });
}
