import { AuthError } from "../../base/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import { dpopFetch } from "./dpop.ts";
import type { Fetch } from "../../http/request.ts";
import type { Secret } from "../../base/secret.ts";
import type { TokenResponse } from "./token-endpoint.ts";

/** How a token is presented: alone, or with a proof of the key that it is bound to (RFC 9449). */
export interface TokenBinding {
  readonly tokenType: TokenResponse["token_type"];
  readonly dpopKey?: Secret | undefined;
  /** What to add to this machine's clock to get the server's, in milliseconds. */
  readonly clockOffsetMs: number;
}

/**
 * The `fetch` for requests to the token endpoint: where there is a key, what is asked for will be bound to it, and what is
 * bound already needs its proof (RFC 9449 §5).
 */
export function provingFetch({ dpopKey: key, clockOffsetMs = 0 }: Partial<TokenBinding>, { fetch, clock }: { fetch: Fetch; clock: Clock }): Fetch {
  return key === undefined ? fetch : dpopFetch({ fetch, clock, key, clockOffsetMs });
}

/**
 * The `fetch` for requests that carry an access token: with a proof where it is bound to a key (RFC 9449 §7.1), so that the
 * requests themselves are written as if it were not. A server may bind the refresh token and not this one.
 */
export function boundFetch(binding: TokenBinding, world: { fetch: Fetch; clock: Clock }): Fetch {
  return binding.tokenType === "DPoP" ? provingFetch(binding, world) : world.fetch;
}

/**
 * Refuses tokens that are bound to a key where this client has offered none: nothing could be done with them.
 *
 * @param issuer - who gave them, for the message
 * @throws AuthError `service_answer_invalid`
 */
export function refuseForeignKey({ tokenType, dpopKey }: Omit<TokenBinding, "clockOffsetMs">, issuer: string): void {
  if (tokenType === "DPoP" && dpopKey === undefined) throw new AuthError("service_answer_invalid", `"${issuer}" bound the tokens to a key, and none was offered`);
}
