import { reasonOf } from "../base/errors.ts";
import type { Fetch } from "../base/runtime-types.ts";
import { redact } from "../base/secret.ts";
import type { Clock } from "../platform/clock.ts";

/** Headers whose values are or hold secrets, also those of other tools that a user has added. */
const secretHeader = /^(?!www-authenticate$).*(?:auth|cookie|token|key|secret|dpop|signature|session)/i;
/** Parameters of an address whose values are secrets, also in the address of a redirect. */
const secretParameter =
  /([?&#;][\w.~%-]*(?:code|state|nonce|token|ticket|secret|password|key|sig|assertion)[\w.~%-]*=)[^&#;\s"]*/gi;
/** What services call the id under which they log a request. */
const idHeaders = ["x-request-id", "request-id", "x-correlation-id", "x-amzn-requestid", "x-ms-request-id", "cf-ray"];

/** A `fetch` that tells of each request when it is answered, or was not: `status` is then undefined. `url`: without its query (S-005). */
export function observed(
  fetch: Fetch,
  clock: Clock,
  tell: (request: { method: string; url: string; status: number | undefined; ms: number }) => void,
): Fetch {
  return async (input, init) => {
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
}

/**
 * A `fetch` that tells of each request when it is sent, and of its answer when that comes: method, address, status, time, the service's
 * id of it and all headers, the values of secret ones left out, and no body (S-005).
 */
export function traced(fetch: Fetch, clock: Clock, say: (line: string) => void): Fetch {
  let count = 0;
  return async (input, init) => {
    const mark = `[${(count += 1)}]`;
    const startedAt = clock.monotonic();
    const took = (): string => `${Math.round(clock.monotonic() - startedAt)} ms`;
    const tell = (line: string, headers?: Headers): void => {
      const shown = (text: string): string => redact(text.replace(secretParameter, "$1[secret]"));
      say(shown(line));
      for (const [name, value] of headers ?? [])
        say(`    ${name}: ${secretHeader.test(name) ? "[secret]" : shown(value)}`);
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
      tell(`< ${mark} no answer after ${took()}: ${reasonOf(error)}`);
      throw error;
    }
  };
}
