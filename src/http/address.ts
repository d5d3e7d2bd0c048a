import { AuthError } from "../base/errors.ts";
import { hint } from "../base/hint.ts";
import { isConfidential } from "../base/url.ts";

/**
 * The only reader of a service's address. Every request builds its address from what this returns: two readings of
 * the same setting once sent one host's token to another.
 *
 * Plain `http:` is for this machine only, since a bearer token on the wire is the session (RFC 6750 §5.3, RFC 8252 §8.3).
 * A user name would be a password by another name; a query or a fragment cannot be part of a base.
 *
 * @param text - as the user gave it
 * @param source - where it comes from, for the message: an option, or a variable of the environment
 * @returns the address without a trailing `/`, a path kept
 * @throws {@link AuthError} `configuration_invalid`
 */
export function parseServiceUrl(text: string, source: string): string {
  const refuse = (why: string): AuthError =>
    new AuthError("configuration_invalid", `${source} ${why}`, {
      hint: source.startsWith("--")
        ? `Give an address: ${source} https://login.example`
        : hint`Give the address of the service: ${{ set: source, value: "https://service.example" }}`,
    });
  if (!URL.canParse(text)) throw refuse(`is "${text}", which is not an address such as https://service.example`);
  const url = new URL(text);
  if (url.username || url.password) throw refuse("holds a user name or password, which has no place in it");
  if (url.protocol !== "https:" && url.protocol !== "http:") throw refuse(`is "${text}": "https:" is needed, not "${url.protocol}"`);
  if (url.search || url.hash || text.includes("?") || text.includes("#")) throw refuse(`is "${text}": a query or a fragment cannot be part of it`);
  if (!isConfidential(url)) {
    throw refuse(`is "${text}": plain http is for this machine only, since anyone who reads the token on the way has the session`);
  }
  return url.href.replace(/\/+$/, "");
}

/**
 * The address of an authorization server: checked as by {@link parseServiceUrl}, but returned exactly as it was written, since
 * that is how it is compared with what the server calls itself (RFC 8414 §3.3).
 *
 * @throws {@link AuthError} `configuration_invalid`
 */
export function parseIssuer(text: string, source: string): string {
  parseServiceUrl(text, source);
  return text;
}

/** Where a request goes, and whether the token goes with it. */
export interface Target {
  readonly url: string;
  /** Whether that is the service: its origin, and at or below its path. */
  readonly isService: boolean;
}

/** A path that is harmless as it is, as almost every path is: no segment begins with a dot, nothing is encoded. */
const plainPath = /^(?:\/[\w~-][\w.~-]*)+\/?(?:\?[\w.~=&-]*)?$/;

/**
 * Finds out where a request goes.
 *
 * A path goes to the service. It is appended to the base with a `/` between them, so that nothing in it can become a part of
 * the host: `@evil.example` would otherwise make the host a user name, and `.evil.example` a longer host. Only then is it
 * parsed, which resolves `..`, `%2e%2e` and `\` as the sender will, and the result must still be below the base. `//host`
 * names a host where addresses are relative; it is refused, since it is either meant so or a mistake.
 *
 * An absolute address is left as it is. It is the service only if its origin is the same and its path is below the base: on
 * a shared host, the neighbour's path is another service (S-001).
 *
 * @param input - a path, or an absolute address
 * @param base - the service's address from {@link parseServiceUrl}
 * @throws {@link AuthError} `usage_invalid` for a path that leaves the service
 */
export function targetOf(input: string | URL, base: string): Target {
  const text = String(input);
  if (plainPath.test(text)) return { url: base + text, isService: true };
  const isPath = text.startsWith("/") || !URL.canParse(text);
  const leaves = (): AuthError => new AuthError("usage_invalid", `"${text}" leaves the service`, { hint: `Give a path on ${base}, such as /api/v1/me` });
  if (isPath && /^[/\\]{2}/.test(text)) throw leaves();
  const url = new URL(isPath ? `${base}/${text.replace(/^\//, "")}` : text);
  const service = new URL(base);
  const isBelow = url.pathname === service.pathname || url.pathname.startsWith(service.pathname.replace(/\/?$/, "/"));
  const isService = url.origin === service.origin && isBelow;
  if (isPath && !isService) throw leaves();
  return { url: url.href, isService };
}
