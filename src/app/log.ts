import type { LogEvent } from "./overrides.ts";
import type { Fetch } from "../base/runtime-types.ts";
import type { Clock } from "../platform/clock.ts";

export function loggedFetch(fetch: Fetch, log: (event: LogEvent) => void, clock: Clock): Fetch {
  return async (input, init) => {
    const startedAt = clock.monotonic();
    let status: number | undefined;
    try {
      const response = await fetch(input, init);
      status = response.status;
      return response;
    } finally {
      const { origin, pathname } = new URL(String(input));
      log({
        event: "request",
        method: init?.method ?? "GET",
        url: origin + pathname,
        status,
        ms: Math.round(clock.monotonic() - startedAt),
      });
    }
  };
}
