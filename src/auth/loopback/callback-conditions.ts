import type { IncomingMessage } from "node:http";
import type { ConnectionOwner, Ends } from "../../platform/connection-owner.ts";
import type { AuthorizationResponse, UnrelatedRedirect } from "../oauth/authorization-code.ts";

/** What a login waits for. */
export interface Awaited {
  /** Host and port of the redirect URI. */
  readonly authority: string;
  readonly redirectPath: string;
  /** Where the browser is started. */
  readonly startPath: string;
  /** Judges the query of a redirect: `authorizationResponse` with the state of this login. */
  readonly judge: (params: URLSearchParams) => AuthorizationResponse | UnrelatedRedirect;
  readonly ownerOf: (socket: Ends) => Promise<ConnectionOwner>;
}

/** What a request to the callback port is. */
type Received =
  /** The response to this login, if it is the first. */
  | { kind: "response"; response: AuthorizationResponse }
  /** The browser that is started here. */
  | { kind: "start"; owner: ConnectionOwner }
  /** A page that tells an outcome. */
  | { kind: "page"; path: string }
  | { kind: "unrelated" }
  | { kind: "refused"; status: 403 | 405 | 421 | 425; headers: Readonly<Record<string, string>>; why: string };

/**
 * Which request completes a login: one that meets every condition here, in this order, and is the first that does. Every program and every
 * page can reach the port. So nothing in a request is trusted before it was checked, and what costs something is checked last, for what
 * would otherwise count.
 */
export async function receivedRequest(
  request: Pick<IncomingMessage, "method" | "url" | "headers"> & { readonly socket: Ends },
  awaited: Awaited,
): Promise<Received> {
  const { authority, redirectPath, startPath, judge, ownerOf } = awaited;

  // 1. The host. DNS rebinding: a page of evil.example, when that name resolves to 127.0.0.1, is same-origin with this server and could
  // read its responses, but the browser still sends `Host: evil.example`.
  if (request.headers.host?.toLowerCase() !== authority) return refused(421, "the Host is not a loopback name");

  // 2. The origin. The redirect is a navigation, which a browser sends without one; only a script or a form in a page sends it.
  const { origin } = request.headers;
  if (origin !== undefined && origin !== `http://${authority}`)
    return refused(403, "cross-origin requests are refused");

  // 3. The method.
  if (request.method !== "GET") return refused(405, "only GET is allowed", { allow: "GET" });

  // 4. The path. Split by hand: a URL parser would turn `/x/../callback` and `//host/callback` into `/callback`.
  const [path = "", query = ""] = (request.url ?? "").split(/\?(.*)/s, 2);
  const isStart = path === startPath;
  if (!isStart && path !== redirectPath) return { kind: "page", path };

  // 5. The state, which only the service and the browser of this login know; or the path of the start, which the command line of that
  // browser shows, and which is not for a browser that loads pages ahead of time: nobody has seen it, and it is opened again when somebody
  // does.
  const isEarly = /prefetch/i.test(`${request.headers["sec-purpose"] ?? request.headers["purpose"] ?? ""}`);
  if (isStart && isEarly) return refused(425, "the page is not visible yet");
  const response = isStart ? undefined : judge(new URLSearchParams(query));
  if (response?.kind === "unrelated") return { kind: "unrelated" };

  // 6. Whose connection it is. Last, since it takes a look at all connections of the machine.
  const owner = await ownerOf(request.socket);
  if (owner === "foreign") return refused(403, "the connection is another user's");
  return response === undefined ? { kind: "start", owner } : { kind: "response", response };
}

function refused(status: 403 | 405 | 421 | 425, why: string, headers: Readonly<Record<string, string>> = {}): Received {
  return { kind: "refused", status, headers, why };
}
