import { reasonOf } from "../base/errors.ts";
import type { Fetch } from "../base/runtime-types.ts";
import { maskedAddress, withoutSecrets } from "../base/secret.ts";
import type { Clock } from "../platform/clock.ts";

/** A list of secret ones cannot be complete: tools and proxies add their own. */
const openHeader =
  /^(accept(-encoding|-language|-ranges)?|age|allow|cache-control|connection|content-(disposition|encoding|language|length|range|type)|date|etag|expires|host|idempotency-key|if-(none-)?match|keep-alive|last-modified|pragma|prefer|(x-)?ratelimit(-[\w-]+)?|retry-after|server|strict-transport-security|transfer-encoding|user-agent|vary|via|x-team-slug)$/i;
/**
 * Harmless members of a challenge (RFC 6750 §3, RFC 9449 §7.1, RFC 9728 §5.1). Others may carry a token, as `Negotiate`
 * does.
 */
const openMember = /\b(?:realm|error|error_description|scope|algs|resource_metadata)=(?:"[^"]*"|[^\s,"]+)/gi;
const idHeaders = ["x-request-id", "request-id", "x-correlation-id", "x-amzn-requestid", "x-ms-request-id", "cf-ray"];

/** `url`: without its query (S-005). */
export function observed(
  fetch: Fetch,
  clock: Clock,
  isHeard: () => boolean,
  tell: (request: { method: string; url: string; status: number | undefined; ms: number }) => void,
): Fetch {
  const told: Fetch = async (input, init) => {
    const startedAt = clock.monotonic();
    let status: number | undefined;
    try {
      const response = await fetch(input, init);
      status = response.status;
      return response;
    } finally {
      const { origin, pathname } = new URL(String(input));
      const ms = Math.round(clock.monotonic() - startedAt);
      tell({ method: init?.method ?? "GET", url: origin + pathname, status, ms });
    }
  };
  return (input, init) => (isHeard() ? told : fetch)(input, init);
}

function shownHeader(name: string, value: string): string {
  if (openHeader.test(name) || idHeaders.includes(name)) return value;
  if (name === "location" || name === "content-location") return maskedAddress(value);
  if (name === "link") return value.replace(/[^<>]+(?=>)/g, maskedAddress);
  if (name === "www-authenticate") return [/^[\w-]*/.exec(value)?.[0], ...(value.match(openMember) ?? [])].join(" ");
  return "[secret]";
}

/** Without bodies and values that may be secret (S-005). */
export function traced(fetch: Fetch, clock: Clock, say: (line: string) => void): Fetch {
  let count = 0;
  return async (input, init) => {
    const mark = `[${(count += 1)}]`;
    const startedAt = clock.monotonic();
    const took = (): string => `${Math.round(clock.monotonic() - startedAt)} ms`;
    const tell = (line: string, headers?: Headers): void => {
      say(withoutSecrets(line));
      for (const [name, value] of headers ?? []) say(withoutSecrets(`    ${name}: ${shownHeader(name, value)}`));
    };
    tell(
      `> ${mark} ${(init?.method ?? "GET").toUpperCase()} ${String(input)}`,
      new Headers(init?.headers as Record<string, string> | undefined),
    );
    try {
      const response = await fetch(input, init);
      const id = idHeaders.map((name) => response.headers.get(name)).find(Boolean);
      tell(
        `${`< ${mark} ${response.status} ${response.statusText}`.trimEnd()} after ${took()}${id ? `, id ${id}` : ""}`,
        response.headers,
      );
      return response;
    } catch (error) {
      tell(`< ${mark} no response after ${took()}: ${reasonOf(error)}`);
      throw error;
    }
  };
}
