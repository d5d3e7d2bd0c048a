import { AuthError, hint, login } from "./errors.ts";

/**
 * The only reader of a service's address: two readings of the same setting once sent one host's token to another.
 *
 * Plain `http:` is for this machine only, since a bearer token on the wire is the session (RFC 6750 §5.3, RFC 8252 §8.3). A user name would
 * be a password by another name; a query or a fragment cannot be part of a base.
 *
 * @param source - for the message: an option of the command line or of a program, the argument ADDRESS, or a variable
 * @returns the address without a trailing `/`, a path kept
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
    throw refuse(`is "${text}": must be https, not "${url.protocol}"`);
  if (url.search || url.hash || text.includes("?") || text.includes("#"))
    throw refuse(`is "${text}": must have no query and no fragment`);
  if (!isConfidential(url)) {
    throw refuse(`is "${text}": must be https (http is allowed only for localhost)`);
  }
  return withoutEndSlashes(url.href);
}

/** What a host without a scheme was most likely meant to be; undefined for everything else. */
function withScheme(text: string): string | undefined {
  if (!/^(?:localhost|[\w-]+(?:\.[\w-]+)+)(?::\d+)?(?:\/[\w./~-]*)?$/.test(text) || !URL.canParse(`https://${text}`))
    return undefined;
  return `${isLoopback(new URL(`https://${text}`).hostname) ? "http" : "https"}://${text}`;
}

/** An address without the `/` at its end. Not by a pattern, which would look through a long row of them again from each one on. */
export function withoutEndSlashes(address: string): string {
  let end = address.length;
  while (address[end - 1] === "/") end -= 1;
  return address.slice(0, end);
}

/**
 * Checked as by {@link parseServiceUrl}, but returned exactly as it was written: that is how it is compared with what the server calls
 * itself (RFC 8414 §3.3).
 */
export function parseIssuer(text: string, source: string): string {
  parseServiceUrl(text, source);
  return text;
}

/** An address in a message, in quotes: without its query, which may hold a secret. */
export function shownAddress(url: string | URL): string {
  return `"${typeof url === "string" ? url.replace(/[?#].*$/s, "") : url.origin + url.pathname}"`;
}

/** Whether only the server can read what is sent to an address: `https:`, or `http:` that never leaves this machine. */
export function isConfidential(url: URL): boolean {
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname));
}

function isLoopback(hostname: string): boolean {
  // The URL parser has turned every spelling of an IPv4 address (0x7f.1, 2130706433) into the dotted one.
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

/**
 * Wider than {@link isLoopback}, which says where plain `http:` is safe: this one says where a service on another machine has no business
 * (S-013).
 */
export function isThisMachine(hostname: string): boolean {
  const name = hostname.replace(/\.$/, "");
  // RFC 6761 §6.3 gives all names below "localhost" to the loopback interface, and systems have names of their own for it; a connection to
  // 0.0.0.0 or [::] ends there as well.
  const isName = /\.localhost$|^(?:ip6-)?(?:localhost|loopback)[46]?(?:\.localdomain[46]?)?$/.test(name);
  return (
    isName || isLoopback(name) || /^0\.\d+\.\d+\.\d+$|^\[::\]$|^\[::ffff:(?:7f[0-9a-f]{2}|0):[0-9a-f]+\]$/.test(name)
  );
}

export function leadsToThisMachine(url: URL, server: URL): boolean {
  return isThisMachine(url.hostname) && !isThisMachine(server.hostname);
}
