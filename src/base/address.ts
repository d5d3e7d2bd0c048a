import { AuthError, hint, login } from "./errors.ts";

/**
 * The only parser of a service's URL: two readings of one setting once sent one host's token to another.
 *
 * Plain `http:` is for this machine only: a bearer token on the wire is the session (RFC 6750 §5.3, RFC 8252 §8.3). A
 * user name would be a password in disguise; a query or a fragment cannot be part of a base.
 *
 * @param source - an option, the argument URL, or a variable
 * @returns the URL without a trailing `/`
 */
export function parseServiceUrl(text: string, source: string): string {
  const meant = withScheme(text);
  const refuse = (why: string): AuthError =>
    new AuthError("configuration_invalid", `${source} ${why}`, {
      hint: !/^[A-Z]/.test(source)
        ? `Pass a URL: ${source} ${meant ?? "https://login.example"}`
        : source === "URL"
          ? hint`Pass a URL: ${login(undefined, meant ?? "https://login.example")}`
          : hint`Set the URL of the service: ${{ set: source, value: meant ?? "https://service.example" }}`,
    });
  if (!URL.canParse(text)) throw refuse(`is "${text}", not a URL such as https://service.example`);
  const url = new URL(text);
  if (url.username || url.password) throw refuse("must not contain a user name or password");
  if (url.protocol !== "https:" && url.protocol !== "http:")
    throw refuse(`is "${text}": it must be https, not "${url.protocol}"`);
  if (url.search || url.hash || text.includes("?") || text.includes("#"))
    throw refuse(`is "${text}": it must have no query and no fragment`);
  if (!isConfidential(url)) {
    throw refuse(`is "${text}": it must be https (http only for loopback)`);
  }
  return withoutEndSlashes(url.href);
}

/** Undefined for anything but a host. */
function withScheme(text: string): string | undefined {
  if (!/^(?:localhost|[\w-]+(?:\.[\w-]+)+)(?::\d+)?(?:\/[\w./~-]*)?$/.test(text) || !URL.canParse(`https://${text}`))
    return undefined;
  return `${isLoopback(new URL(`https://${text}`).hostname) ? "http" : "https"}://${text}`;
}

/** A pattern takes quadratic time on a long row of them. */
export function withoutEndSlashes(address: string): string {
  let end = address.length;
  while (address[end - 1] === "/") end -= 1;
  return address.slice(0, end);
}

/** Returned as written: it is compared with what the server calls itself (RFC 8414 §3.3). */
export function parseIssuer(text: string, source: string): string {
  parseServiceUrl(text, source);
  return text;
}

/** Without the query, which may hold a secret. */
export function shownAddress(url: string | URL): string {
  return `"${typeof url === "string" ? url.replace(/[?#].*$/s, "") : url.origin + url.pathname}"`;
}

/** Whether only the server can read what is sent there. */
export function isConfidential(url: URL): boolean {
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname));
}

function isLoopback(hostname: string): boolean {
  // The URL parser has normalized every spelling of an IPv4 address (0x7f.1, 2130706433).
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

/**
 * Wider than {@link isLoopback}: not where plain `http:` is safe, but where a service on another machine has no
 * business (S-013).
 */
export function isThisMachine(hostname: string): boolean {
  const name = hostname.replace(/\.$/, "");
  // RFC 6761 §6.3 gives all names below "localhost" to loopback, and systems add names; 0.0.0.0 and [::] end there as
  // well.
  const isName = /\.localhost$|^(?:ip6-)?(?:localhost|loopback)[46]?(?:\.localdomain[46]?)?$/.test(name);
  return (
    isName || isLoopback(name) || /^0\.\d+\.\d+\.\d+$|^\[::\]$|^\[::ffff:(?:7f[0-9a-f]{2}|0):[0-9a-f]+\]$/.test(name)
  );
}

export function leadsToThisMachine(url: URL, server: URL): boolean {
  return isThisMachine(url.hostname) && !isThisMachine(server.hostname);
}
