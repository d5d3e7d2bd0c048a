import { issuerDefaults, type IssuerOptions } from "../../src/app/testing/issuer.ts";
import type { UserName } from "./users.ts";

/** How the service behaves. All may be changed while it runs, through `saas.options`. Durations are in the unit they name. */
export interface FakeOptions extends IssuerOptions {
  /** Fixed port; 0 (the default) takes a free one, which later restarts keep. */
  port: number;
  /** Address to listen on; default `127.0.0.1`. */
  host: string;
  /** Path prefix of the whole service, such as `/base`; default none. */
  basePath: string;
  /** How long every answer is held after the work was done. */
  latencyMs: number;
  /** How far the service's clock is from `now`: its `Date`, its expiries, its intervals. */
  clockOffsetMs: number;
  /** The clock that the service's is derived from; default the machine's. A test may pass its own. */
  now: () => number;
  ticketSeconds: number;
  /** Interval of JSON pings on sockets; 0 (the default) sends none. */
  pingMs: number;
  /** Whose access token is given for a JWT of another issuer (RFC 8693, RFC 7523), or why none is; null (the default): the grants are unknown. */
  identity: ((jwt: string) => UserName | { refused: string }) | null;
  /** Gives alice a private teamspace beside Acme. */
  privateTeamspace: boolean;
}

/** A service that behaves well. */
export const DEFAULTS: FakeOptions = {
  ...issuerDefaults,
  clientId: "cli_native",
  redirectPath: "/callback",
  requiredScope: "offline_access",
  port: 0,
  host: "127.0.0.1",
  basePath: "",
  latencyMs: 0,
  clockOffsetMs: 0,
  now: () => Date.now(),
  ticketSeconds: 60,
  pingMs: 0,
  identity: null,
  privateTeamspace: false,
};
