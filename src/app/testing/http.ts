import type { IncomingHttpHeaders } from "node:http";

/** `status` is 0 before the response. */
export interface FakeRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  status: number;
}

/** An object as body becomes JSON. */
export interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: string | Buffer | object;
}

export type Handler = (request: FakeRequest) => Answer;

/** Method (`"*"` is any), path (a pattern where it holds an id) and handler. */
export type Route = readonly [method: string, path: string | RegExp, handler: Handler];

/** An error as OAuth writes it (RFC 6749 §5.2). */
export function failure(status: number, error: string, more: object = {}): Answer {
  return { status, body: { error, ...more } };
}

/** RFC 6749 §3.2 forbids repeated parameters. */
export function formOf({ headers, body }: FakeRequest): URLSearchParams | undefined {
  const type = headers["content-type"]?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/x-www-form-urlencoded") return undefined;
  const form = new URLSearchParams(body);
  return new Set(form.keys()).size === form.size ? form : undefined;
}

/**
 * The handler of the first matching route; one for 405 if the path has other methods. Undefined for an unknown path.
 */
export function handlerOf(routes: readonly Route[], { method, path }: FakeRequest): Handler | undefined {
  const listed = routes.filter(([, known]) => (typeof known === "string" ? known === path : known.test(path)));
  const route = listed.find(([known]) => known === method || known === "*");
  if (route !== undefined || listed.length === 0) return route?.[2];
  const allow = listed.map(([known]) => known).join(", ");
  return () => ({ ...failure(405, "method_not_allowed"), headers: { Allow: allow } });
}
