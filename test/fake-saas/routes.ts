import type { Answer, FakeRequest } from "./http.ts";
import type { Caller } from "./sessions.ts";
import { authenticate } from "./sessions.ts";
import type { FakeState } from "./state.ts";

/** What answers a request. */
export type Handler = (request: FakeRequest) => Answer;

/** Method (`"*"` is any), path (a pattern where it holds an id) and handler. */
export type Route = readonly [method: string, path: string | RegExp, handler: Handler];

/** A handler that only a caller with a good access token reaches. */
export function authenticated(state: FakeState, handler: (caller: Caller, request: FakeRequest) => Answer): Handler {
  return (request) => {
    const caller = authenticate(state, request);
    return "status" in caller ? caller : handler(caller, request);
  };
}

/** Answers by the first route that fits: 404 for an unlisted path, 405 for a listed one with another method. */
export function dispatch(routes: readonly Route[], request: FakeRequest): Answer {
  const listed = routes.filter(([, path]) =>
    typeof path === "string" ? path === request.path : path.test(request.path),
  );
  const route = listed.find(([method]) => method === request.method || method === "*");
  if (route !== undefined) return route[2](request);
  if (listed.length === 0) return { status: 404, body: { error: "not_found", path: request.path } };
  const allow = listed.map(([method]) => method).join(", ");
  return { status: 405, headers: { Allow: allow }, body: { error: "method_not_allowed" } };
}
