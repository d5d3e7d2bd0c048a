import type { IncomingMessage } from "node:http";
import { AuthError } from "../../base/errors.ts";

/** What a request to the callback port may be: a redirect to judge, a page to show, or nothing that concerns us. */
type CallbackRequest =
  | { kind: "callback"; params: URLSearchParams }
  | { kind: "page"; path: string }
  | { kind: "refused"; status: 403 | 405 | 421; headers: Record<string, string>; why: string };

/**
 * Judges a request before anything in it is believed. Every local program and every web page can reach the port.
 * @param request - method, request target and headers
 * @param authority - the host and port of the redirect URI, such as `127.0.0.1:28888`
 */
export function callbackRequest(
  request: Pick<IncomingMessage, "method" | "url" | "headers">,
  authority: string,
): CallbackRequest {
  const refused = (status: 403 | 405 | 421, why: string, headers: Record<string, string> = {}): CallbackRequest => ({
    kind: "refused",
    status,
    headers,
    why,
  });
  // DNS rebinding: a page of evil.example whose name now resolves to 127.0.0.1 is same-origin with us and could read
  // what we answer, but its browser still sends `Host: evil.example`.
  if (request.headers.host?.toLowerCase() !== authority) return refused(421, "not the host that this port answers for");
  // The redirect is a navigation, which a browser sends without Origin; only a script or a form of a page sends one.
  const { origin } = request.headers;
  if (origin !== undefined && origin !== `http://${authority}`) return refused(403, "another origin may not ask here");
  if (request.method !== "GET") return refused(405, "only GET is answered here", { allow: "GET" });

  // Split by hand: a URL parser would make `/callback` out of `/x/../callback` and of `//host/callback`.
  const [path, query = ""] = (request.url ?? "").split(/\?(.*)/s, 2);
  return path === "/callback" ? { kind: "callback", params: new URLSearchParams(query) } : { kind: "page", path: path ?? "" };
}

/**
 * The query of a redirect that the user carried here by hand.
 * @param pasted - the address of the page that failed to load
 * @param redirectUri - where the redirect had to lead: same host, port and path as for one that arrives by itself
 * @throws {AuthError} `usage_invalid`
 */
export function pastedParameters(pasted: string, redirectUri: string): URLSearchParams {
  const text = pasted.trim();
  if (!URL.canParse(text)) throw pasteRefused("is no address at all");
  const { origin, pathname, searchParams } = new URL(text);
  if (`${origin}${pathname}` !== redirectUri) throw pasteRefused(`does not begin with "${redirectUri}"`);
  return searchParams;
}

/**
 * Why a pasted address does not count. It is not quoted: it may hold a code.
 * @param why - the rest of a sentence about it
 */
export function pasteRefused(why: string): AuthError {
  return new AuthError("usage_invalid", `the pasted address ${why}`, {
    hint: "Copy the whole address of the page that failed to load, and paste it here",
  });
}
