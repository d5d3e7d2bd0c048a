import type { FakeRequest } from "./http.ts";

/**
 * What goes wrong with a request. A fault with `status`, `body`, `malformed`, `bytes`, `hang: true` or
 * `reset: "before"` replaces the service's work; with the others the work is done and its answer is disturbed.
 */
export interface Fault {
  /** Status of the scripted answer; default 200. */
  status?: number;
  /** Scripted body: an object becomes JSON, a string is sent as it stands. Default empty. */
  body?: string | Buffer | object;
  /** Added to the answer, scripted or real; `Date` and `Content-Type` included. */
  headers?: Record<string, string>;
  /** Holds the request, in milliseconds, before any work. */
  delayMs?: number;
  /** Holds the answer, in milliseconds, after the work. */
  delayAnswerMs?: number;
  /** Holds the request before any work until it resolves. */
  gate?: Promise<unknown>;
  /** Holds the answer after the work until it resolves: the token was rotated, nobody has heard of it. */
  gateAnswer?: Promise<unknown>;
  /** Never answers; `"after"` does the work first. */
  hang?: boolean | "after";
  /** Destroys the connection: before the work, or after it with the answer unsent. */
  reset?: "before" | "after";
  /** Answers 200 with JSON that breaks off. */
  malformed?: boolean;
  /** Answers with JSON that is this many bytes long, sent in pieces and without a length. */
  bytes?: number;
  /** Changes the real answer's JSON before it is sent. */
  edit?: (answer: Record<string, unknown>) => unknown;
  /** For how many requests; default 1. */
  times?: number;
  /** Only for requests that it accepts. */
  when?: (request: FakeRequest) => boolean;
}

/** Faults waiting for their requests, by exact path; `"*"` is any path. */
export class Faults {
  #queue: { path: string; fault: Fault; left: number }[] = [];

  /** Queues a fault for the next request (or `times` requests) to this path. */
  next(path: string, fault: Fault): void {
    this.#queue.push({ path, fault, left: fault.times ?? 1 });
  }

  /** The fault for every request to this path that no queued one takes. */
  always(path: string, fault: Fault): void {
    this.#queue.push({ path, fault, left: Infinity });
  }

  /** Forgets every fault, or those of one path. */
  clear(path?: string): void {
    this.#queue = path === undefined ? [] : this.#queue.filter((entry) => entry.path !== path);
  }

  /** The fault for this request, counted down; those of `next` go before those of `always`. */
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

/** Whether this fault answers by itself, so that the service does no work. */
export function replacesWork(fault: Fault): boolean {
  return (
    fault.status !== undefined || fault.body !== undefined || fault.malformed === true || fault.bytes !== undefined
  );
}
