import type { IncomingMessage } from "node:http";
import { AuthError } from "../../base/errors.ts";

/** What a request to the callback port may be: a redirect to judge, a page to show, or one to refuse. */
type CallbackRequest =
  | { kind: "callback"; params: URLSearchParams }
  | { kind: "page"; path: string }
  | { kind: "refused"; status: 403 | 405 | 421; headers: Record<string, string>; why: string };

/**
 * Judges a request before anything in it is trusted. Every local program and every web page can reach the port. `authority`: the host and
 * port of the redirect URI.
 */
export function callbackRequest(
  request: Pick<IncomingMessage, "method" | "url" | "headers">,
  authority: string,
  redirectPath: string,
): CallbackRequest {
  const refused = (status: 403 | 405 | 421, why: string, headers: Record<string, string> = {}): CallbackRequest => ({
    kind: "refused",
    status,
    headers,
    why,
  });
  // DNS rebinding: a page of evil.example, when that name resolves to 127.0.0.1, is same-origin with this server and could read
  // its responses, but the browser still sends `Host: evil.example`.
  if (request.headers.host?.toLowerCase() !== authority) return refused(421, "this port does not serve that host");
  // The redirect is a navigation, which a browser sends without Origin; only a script or a form in a page sends one.
  const { origin } = request.headers;
  if (origin !== undefined && origin !== `http://${authority}`)
    return refused(403, "cross-origin requests are refused");
  if (request.method !== "GET") return refused(405, "only GET is allowed", { allow: "GET" });

  // Split by hand: a URL parser would turn `/x/../callback` and `//host/callback` into `/callback`.
  const [path, query = ""] = (request.url ?? "").split(/\?(.*)/s, 2);
  return path === redirectPath
    ? { kind: "callback", params: new URLSearchParams(query) }
    : { kind: "page", path: path ?? "" };
}

/**
 * The query of a redirect that the user pasted.
 *
 * @param pasted - the address of the page that failed to load
 * @param redirectUri - the address must have its scheme, host, port and path, as a redirect that arrives by itself does
 * @throws {@link AuthError} `usage_invalid`
 */
export function pastedParameters(pasted: string, redirectUri: string): URLSearchParams {
  const text = pasted.trim();
  if (!URL.canParse(text)) throw pasteRefused("is not an address");
  const { origin, pathname, searchParams } = new URL(text);
  if (`${origin}${pathname}` !== redirectUri) throw pasteRefused(`does not begin with "${redirectUri}"`);
  return searchParams;
}

/** Why a pasted address is not accepted. It is not quoted: it may hold a code. */
export function pasteRefused(why: string): AuthError {
  return new AuthError("usage_invalid", `the pasted address ${why}`, {
    hint: "Copy the whole address of the page that failed to load, and paste it here",
  });
}
