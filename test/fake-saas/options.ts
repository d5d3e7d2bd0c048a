import { issuerDefaults, type IssuerOptions } from "../../src/app/testing/issuer.ts";
import type { UserName } from "./users.ts";

/** All may change while it runs, through `saas.options`. Durations are in the unit they name. */
export interface FakeOptions extends IssuerOptions {
  /** The only known client; undefined: any. */
  clientId: string | undefined;
  /** The only accepted redirect path; undefined: any. */
  redirectPath: string | undefined;
  /** Required in every login. */
  requiredScope: string | undefined;
  /** False: a refresh returns no new refresh token, and the old one stays good. */
  rotate: boolean;
  /** The effect of a consumed refresh token: the session revoked, or a 409 that spares it. */
  reuse: "revoke" | "benign";
  /** 0, the default, takes a free one, which restarts keep. */
  port: number;
  /** `127.0.0.1` by default. */
  host: string;
  /** Of the whole service, such as `/base`; none by default. */
  basePath: string;
  /** Delay of every response after the work. */
  latencyMs: number;
  /** The service's clock minus `now`: in `Date`, expiries, intervals. */
  clockOffsetMs: number;
  /** The base of the service's clock; the machine's by default. */
  now: () => number;
  ticketSeconds: number;
  /** Of JSON pings on sockets; 0, the default, sends none. */
  pingMs: number;
  /**
   * The user for another issuer's JWT (RFC 8693, RFC 7523), or why it is refused; null, the default: unknown grants.
   */
  identity: ((jwt: string) => UserName | { refused: string }) | null;
  /** Gives alice a private teamspace in addition to Acme. */
  privateTeamspace: boolean;
}

export const usualScope = "offline_access api.read api.write";

export const DEFAULTS: FakeOptions = {
  ...issuerDefaults,
  clientId: "cli_native",
  redirectPath: "/callback",
  requiredScope: "offline_access",
  rotate: true,
  reuse: "revoke",
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
