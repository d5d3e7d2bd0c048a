import type { IncomingHttpHeaders } from "node:http";

/** One request as it arrived. Kept for ever in `saas.requests`; `status` is 0 until an answer was sent. */
export interface FakeRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** The body as text, after gzip decoding. */
  readonly body: string;
  /** The body as it crossed the wire. */
  readonly bytes: Buffer;
  /** Wall clock of this machine, in milliseconds, whatever the service's own clock says. */
  readonly at: number;
  status: number;
}

/** What a handler says; an object as body becomes JSON. */
export interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: string | Buffer | object;
}

/** A JSON answer with an OAuth-shaped error. */
export function failure(status: number, error: string, more: object = {}): Answer {
  return { status, body: { error, ...more } };
}

/** A form body that repeats no parameter (RFC 6749 §3.2 forbids it), or undefined. */
export function formOf(request: FakeRequest): URLSearchParams | undefined {
  const type = request.headers["content-type"]?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/x-www-form-urlencoded") return undefined;
  const form = new URLSearchParams(request.body);
  return new Set(form.keys()).size === form.size ? form : undefined;
}

/** A JSON object body, or undefined. */
export function jsonOf(request: FakeRequest): Record<string, unknown> | undefined {
  const type = request.headers["content-type"]?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/json") return undefined;
  try {
    const value: unknown = JSON.parse(request.body);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Whether it is a JSON object, neither null nor an array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
