import type { App } from "./app.ts";
import type { AppOverrides } from "./overrides.ts";
import type { Fetch } from "../base/runtime-types.ts";
import { countUnsettled, type Effects } from "../http/effects.ts";
import { observed, traced } from "../http/trace.ts";

/** What sends all requests of an app: the program's own `fetch`, or the system's. */
export async function sender(
  { fetch, onTraffic }: AppOverrides,
  { identity, env, clock, events }: Pick<App, "identity" | "env" | "clock" | "events">,
  effects: Effects,
): Promise<Fetch> {
  const sent =
    fetch ?? countUnsettled((await import("../platform/system-fetch.ts")).systemFetch(env, identity), effects);
  const shown = onTraffic === undefined ? sent : traced(sent, clock, onTraffic);
  return observed(
    shown,
    clock,
    () => events.isHeard("request"),
    (request) => events.emit("request", request),
  );
}
