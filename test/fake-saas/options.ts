import type { UserName } from "./users.ts";

/** How the service behaves. All may be changed while it runs, through `saas.options`. Durations are in the unit they name. */
export interface FakeOptions {
  /** Fixed port; 0 (the default) takes a free one, which later restarts keep. */
  port: number;
  /** Address to listen on; default `127.0.0.1`. */
  host: string;
  /** Path prefix of the whole service, such as `/base`; default none. */
  basePath: string;
  accessTokenSeconds: number;
  refreshTokenSeconds: number;
  /** How long every answer is held after the work was done. */
  latencyMs: number;
  /** How far the service's clock is from `now`: its `Date`, its expiries, its intervals. */
  clockOffsetMs: number;
  /** The clock that the service's is derived from; default the machine's. A test may pass its own. */
  now: () => number;
  /** False: a refresh answers without a new refresh token, and the old one stays good. */
  rotate: boolean;
  /** What a consumed refresh token leads to: the session revoked, or the 409 that spares it. */
  reuse: "revoke" | "benign";
  invalidGrantStatus: 400 | 401;
  /** Whether the redirect back carries `iss` (RFC 9207). */
  sendIss: boolean;
  /** Announced and enforced between polls; null announces nothing and enforces 5. */
  deviceIntervalSeconds: number | null;
  deviceCodeSeconds: number;
  authorizationCodeSeconds: number;
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
  port: 0,
  host: "127.0.0.1",
  basePath: "",
  accessTokenSeconds: 3600,
  refreshTokenSeconds: 90 * 24 * 3600,
  latencyMs: 0,
  clockOffsetMs: 0,
  now: () => Date.now(),
  rotate: true,
  reuse: "revoke",
  invalidGrantStatus: 400,
  sendIss: false,
  deviceIntervalSeconds: 5,
  deviceCodeSeconds: 900,
  authorizationCodeSeconds: 60,
  ticketSeconds: 60,
  pingMs: 0,
  identity: null,
  privateTeamspace: false,
};
