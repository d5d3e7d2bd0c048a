import type { AppOverrides } from "./overrides.ts";
import type { AuthEventStream } from "../auth/token-manager/events.ts";
import type { Fetch } from "../base/runtime-types.ts";
import type { Identity } from "../base/identity.ts";
import { countUnsettled, type Effects } from "../http/effects.ts";
import { observed, traced } from "../http/trace.ts";
import type { Clock } from "../platform/clock.ts";
import type { Environment } from "../platform/paths.ts";

interface SenderOptions {
  readonly identity: Identity;
  readonly env: Environment;
  readonly clock: Clock;
  readonly events: AuthEventStream;
  readonly effects: Effects;
}

/** What sends all requests of an app: the program's own `fetch`, or the system's. */
export async function sender(
  { fetch, onTraffic }: AppOverrides,
  { identity, env, clock, events, effects }: SenderOptions,
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
