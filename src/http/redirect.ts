import { AuthError } from "../base/errors.ts";
import { isConfidential, leadsToThisMachine, shownAddress } from "../base/address.ts";
import { targetOf } from "./token-target.ts";

/** Where redirects may lead: within the service, or anywhere, there without token, body and headers. */
export type RedirectScope = "service" | "anywhere";

/** @internal */
export interface Hop {
  readonly url: string;
  readonly init: RequestInit;
  /** Only then does the token go along. */
  readonly isService: boolean;
}

/** As `fetch` (Fetch standard, "HTTP-redirect fetch"). */
export const mostHops = 20;

/**
 * `fetch` follows redirects by origin, which a service at `https://host/tenant` shares with its neighbors, and takes a
 * 307's body and every header but `Authorization` anywhere (S-013). So each hop is judged here.
 * @internal
 */
export function nextHop(response: Response, from: Hop, service: string, scope: RedirectScope): Hop | undefined {
  const { status } = response;
  if (![301, 302, 303, 307, 308].includes(status)) return undefined;
  const location = response.headers.get("location");
  if (location === null) return undefined;
  const refuse = (why: string): AuthError =>
    new AuthError("service_rejected", `${shownAddress(from.url)} redirects to ${why}`, {
      hint: "Use the new URL, if you trust it",
    });
  if (!URL.canParse(location, from.url)) throw refuse("an invalid URL");
  const url = new URL(location, from.url);
  const where = shownAddress(url);
  // `fetch` would throw; and a name before an `@` can be taken for the host.
  if (url.username || url.password) throw refuse(`${where} with a user name or password`);
  // A remote service has no business with this machine.
  if (leadsToThisMachine(url, new URL(from.url))) throw refuse(`${where}, this machine`);
  if (!isConfidential(url)) throw refuse(`${where}, unencrypted`);
  const init = redirected(from.init, status);
  const isService = targetOf(url, service).isService;
  if (isService && from.isService) return { url: url.href, init, isService };
  if (scope === "service") throw refuse(`${where}, not the service`);
  // RFC 9110 §15.4: only safe requests may be repeated without asking the user.
  if (!/^(GET|HEAD)$/i.test(init.method ?? "GET")) throw refuse(`${where}, not the service`);
  const { method, signal } = init;
  return { url: url.href, init: { ...(method && { method }), ...(signal && { signal }) }, isService: false };
}

/** 303 always, and 301 and 302 after a POST, become a GET without a body. */
function redirected(init: RequestInit, status: number): RequestInit {
  const method = init.method ?? "GET";
  const becomesGet =
    (status === 303 && !/^(GET|HEAD)$/i.test(method)) || ((status === 301 || status === 302) && /^POST$/i.test(method));
  if (!becomesGet) return init;
  const { body: _, ...rest } = init;
  const headers = new Headers(init.headers);
  for (const name of ["content-type", "content-encoding", "content-language", "content-location", "content-length"])
    headers.delete(name);
  return { ...rest, method: "GET", headers };
}
