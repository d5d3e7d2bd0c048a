import type { IncomingMessage } from "node:http";
import type { ConnectionOwner, Ends } from "../../platform/connection-owner.ts";
import type { AuthorizationResponse, UnrelatedRedirect } from "../oauth/authorization-code.ts";

export interface Awaited {
  /** Host and port of the redirect URI. */
  readonly authority: string;
  readonly redirectPath: string;
  readonly startPath: string;
  /** `authorizationResponse` with this login's state. */
  readonly judge: (params: URLSearchParams) => AuthorizationResponse | UnrelatedRedirect;
  readonly ownerOf: (socket: Ends) => Promise<ConnectionOwner>;
}

type Received =
  | { kind: "response"; response: AuthorizationResponse }
  | { kind: "start"; owner: ConnectionOwner }
  | { kind: "page"; path: string }
  | { kind: "unrelated" }
  | { kind: "refused"; status: 403 | 405 | 421 | 425; headers: Readonly<Record<string, string>>; why: string };

/**
 * The first request to meet every condition, in this order, completes a login. Every program and every page can reach
 * the port. So nothing in a request is trusted unchecked, and expensive checks come last.
 */
export async function receivedRequest(
  request: Pick<IncomingMessage, "method" | "url" | "headers"> & { readonly socket: Ends },
  awaited: Awaited,
): Promise<Received> {
  const { authority, redirectPath, startPath, judge, ownerOf } = awaited;

  // 1. The host. DNS rebinding: a page of evil.example, resolving to 127.0.0.1, is same-origin with this server and
  // could read its responses, but the browser still sends `Host: evil.example`.
  if (request.headers.host?.toLowerCase() !== authority) return refused(421, "the Host is not a loopback name");

  // 2. The origin. A redirect, as a navigation, has none; scripts and forms do.
  const { origin } = request.headers;
  if (origin !== undefined && origin !== `http://${authority}`)
    return refused(403, "this port refuses cross-origin requests");

  // 3. The method.
  if (request.method !== "GET") return refused(405, "this port takes only GET requests", { allow: "GET" });

  // 4. The path, split by hand: a URL parser would turn `/x/../callback` and `//host/callback` into `/callback`.
  const [path = "", query = ""] = (request.url ?? "").split(/\?(.*)/s, 2);
  const isStart = path === startPath;
  if (!isStart && path !== redirectPath) return { kind: "page", path };

  // 5. The state, known only to the service and this login's browser; or the start path, in that browser's command
  // line. A prefetching browser does not count: the user has seen nothing, and it is opened again later.
  const isEarly = /prefetch/i.test(`${request.headers["sec-purpose"] ?? request.headers["purpose"] ?? ""}`);
  if (isStart && isEarly) return refused(425, "the page is not visible yet");
  const response = isStart ? undefined : judge(new URLSearchParams(query));
  if (response?.kind === "unrelated") return { kind: "unrelated" };

  // 6. The owner of the connection: it takes a look at all connections of the machine.
  const owner = await ownerOf(request.socket);
  if (owner === "foreign") return refused(403, "the connection is another user's");
  return response === undefined ? { kind: "start", owner } : { kind: "response", response };
}

function refused(status: 403 | 405 | 421 | 425, why: string, headers: Readonly<Record<string, string>> = {}): Received {
  return { kind: "refused", status, headers, why };
}
