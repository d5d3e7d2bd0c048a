import { AuthError } from "../../errors.ts";
import type { Clock } from "../../platform/clock.ts";
import { dpopFetch } from "../oauth/dpop.ts";
import type { Fetch } from "../oauth/exchange.ts";
import type { Session } from "../session.ts";

/** An access token, what it takes to present it, and whose it is: undefined for a token of the environment, which names nobody. */
export type Credential = Pick<Session, "accessToken" | "tokenType" | "dpopKey" | "clockOffsetMs"> & Partial<Pick<Session, "user">>;

/**
 * The `fetch` for requests to the token endpoint: where there is a key, what is asked for will be bound to it, and what is
 * bound already needs its proof (RFC 9449 §5).
 */
export function provingFetch({ dpopKey: key, clockOffsetMs = 0 }: Partial<Credential>, { fetch, clock }: { fetch: Fetch; clock: Clock }): Fetch {
  return key === undefined ? fetch : dpopFetch({ fetch, clock, key, clockOffsetMs });
}

/**
 * The `fetch` for requests that carry an access token: with a proof where it is bound to a key (RFC 9449 §7.1), so that the
 * requests themselves are written as if it were not. A server may bind the refresh token and not this one.
 */
export function boundFetch(credential: Omit<Credential, "accessToken">, world: { fetch: Fetch; clock: Clock }): Fetch {
  return credential.tokenType === "DPoP" ? provingFetch(credential, world) : world.fetch;
}

/**
 * Refuses tokens that are bound to a key where this client has offered none: nothing could be done with them.
 *
 * @param issuer - who gave them, for the message
 * @throws AuthError `service_answer_invalid`
 */
export function refuseForeignKey({ tokenType, dpopKey }: Pick<Credential, "tokenType" | "dpopKey">, issuer: string): void {
  if (tokenType === "DPoP" && dpopKey === undefined) throw new AuthError("service_answer_invalid", `"${issuer}" bound the tokens to a key, and none was offered`);
}
