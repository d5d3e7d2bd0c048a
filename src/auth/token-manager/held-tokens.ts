import { isTransient } from "../../base/errors.ts";
import { abortable, type Clock } from "../../platform/clock.ts";
import type { AccessTokenOptions } from "./access-token.ts";
import { hold, isEnough, isUsable, type Held, type HeldToken } from "./freshness.ts";
import type { TokenGiver } from "./token-source.ts";

/**
 * Access tokens that this process cannot refresh itself, held in memory only. One request serves all callers.
 *
 * @param renew - gets a token that satisfies a caller, with its own retries
 */
export function heldTokens(renew: (need: AccessTokenOptions) => Promise<HeldToken>, clock: Clock): TokenGiver {
  let held: Held<HeldToken> | undefined;
  let pending: Promise<Held<HeldToken>> | undefined;
  const renewed = async (need: AccessTokenOptions): Promise<Held<HeldToken>> =>
    (held = hold(await renew(need), held, clock));
  return {
    async getCredential(need) {
      need.signal?.throwIfAborted();
      for (;;) {
        if (held !== undefined && isEnough(held, need, clock)) return held.credential;
        const shared = pending;
        const mine = shared ?? (pending = renewed(need).finally(() => (pending = undefined)));
        try {
          const got = await abortable(mine, need.signal);
          // One begun for another caller may bring too little; the one begun for this caller brings all there is.
          if (shared === undefined || isEnough(got, need, clock)) return got.credential;
        } catch (error) {
          // A token that is still valid for a moment is better than none.
          if (held !== undefined && isTransient(error) && isUsable(held, need, clock)) return held.credential;
          throw error;
        }
      }
    },
    // The next caller gets another token: no session is kept here.
    async sessionRefused(accessToken) {
      if (held?.token === accessToken) held = undefined;
    },
  };
}
