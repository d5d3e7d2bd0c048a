import type { FakeRequest } from "./http.ts";

/**
 * A fault of a request. `status`, `body`, `malformed`, `bytes`, `hang: true` or `reset: "before"` replace the service's
 * work; others disturb its response.
 */
export interface Fault {
  /** Of the scripted response; 200 by default. */
  status?: number;
  /** An object becomes JSON, a string is sent as is. Empty by default. */
  body?: string | Buffer | object;
  /** Added to any response; `Date` and `Content-Type` included. */
  headers?: Record<string, string>;
  /** Before any work, in milliseconds. */
  delayMs?: number;
  /** After the work, in milliseconds. */
  delayAnswerMs?: number;
  /** Holds the request before any work. */
  gate?: Promise<unknown>;
  /** Holds the response after the work: the token was rotated, unknown to the client. */
  gateAnswer?: Promise<unknown>;
  /** Never responds; `"after"` does the work first. */
  hang?: boolean | "after";
  /** Destroys the connection, before the work or before the response. */
  reset?: "before" | "after";
  /** A 200 with truncated JSON. */
  malformed?: boolean;
  /** JSON of this size in bytes, in pieces and without a length. */
  bytes?: number;
  /** Changes the real response's JSON. */
  edit?: (answer: Record<string, unknown>) => unknown;
  /** Number of requests; 1 by default. */
  times?: number;
  /** Only for accepted requests. */
  when?: (request: FakeRequest) => boolean;
}

/** By exact path; `"*"` is any path. */
export class Faults {
  #queue: { path: string; fault: Fault; left: number }[] = [];

  /** For the next request (or `times` requests) to this path. */
  next(path: string, fault: Fault): void {
    this.#queue.push({ path, fault, left: fault.times ?? 1 });
  }

  /** For every request to this path without a queued fault. */
  always(path: string, fault: Fault): void {
    this.#queue.push({ path, fault, left: Infinity });
  }

  /** Of one path, or all. */
  clear(path?: string): void {
    this.#queue = path === undefined ? [] : this.#queue.filter((entry) => entry.path !== path);
  }

  /** Counted down; those of `next` come first. */
  take(request: FakeRequest): Fault {
    const fits = this.#queue.filter(
      ({ path, fault }) => (path === request.path || path === "*") && (fault.when?.(request) ?? true),
    );
    const entry = fits.find(({ left }) => left !== Infinity) ?? fits[0];
    if (entry === undefined) return {};
    entry.left -= 1;
    if (entry.left <= 0) this.#queue.splice(this.#queue.indexOf(entry), 1);
    return entry.fault;
  }
}

/** Whether the service does no work. */
export function replacesWork(fault: Fault): boolean {
  return (
    fault.status !== undefined || fault.body !== undefined || fault.malformed === true || fault.bytes !== undefined
  );
}
