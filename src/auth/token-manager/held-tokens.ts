import { isTransient } from "../../base/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Credential } from "../sessions/session.ts";
import type { AccessTokenOptions } from "./access-token.ts";
import { remainingMs, requiredMs, type Lifetime } from "./freshness.ts";
import { abortable } from "./token-manager.ts";
import type { TokenGiver } from "./token-source.ts";

export type HeldToken = Credential & Lifetime;

interface Held {
  readonly token: HeldToken;
  /** On the monotonic clock, which nobody sets back. */
  readonly expiresAtMonotonic: number;
}

/**
 * Access tokens that this process cannot refresh itself, held in memory only. One request serves all callers.
 *
 * @param renew - gets a token that satisfies a caller, with its own retries
 */
export function heldTokens(renew: (need: AccessTokenOptions) => Promise<HeldToken>, clock: Clock): TokenGiver {
  let held: Held | undefined;
  let pending: Promise<Held> | undefined;

  const leftMs = ({ token, expiresAtMonotonic }: Held): number =>
    Math.min(expiresAtMonotonic - clock.monotonic(), remainingMs(token, clock.now()));
  const isRejected = ({ token }: Held, { rejected }: AccessTokenOptions): boolean =>
    rejected !== undefined && token.accessToken.reveal() === rejected;
  const isEnough = (one: Held, need: AccessTokenOptions): boolean =>
    !isRejected(one, need) && leftMs(one) > requiredMs(one.token, need.minValidityMs ?? 0);
  const renewed = async (need: AccessTokenOptions): Promise<Held> => {
    const token = await renew(need);
    return (held = { token, expiresAtMonotonic: clock.monotonic() + remainingMs(token, clock.now()) });
  };

  return {
    async getCredential(need) {
      need.signal?.throwIfAborted();
      for (;;) {
        if (held !== undefined && isEnough(held, need)) return held.token;
        const shared = pending;
        const mine = shared ?? (pending = renewed(need).finally(() => (pending = undefined)));
        try {
          const got = await abortable(mine, need.signal);
          // // A request begun for another caller may bring too little; the one begun for this caller brings all there
          // is.
          if (shared === undefined || isEnough(got, need)) return got.token;
        } catch (error) {
          // A token that is still valid for a moment is better than none.
          if (held !== undefined && isTransient(error) && !isRejected(held, need) && leftMs(held) > 0)
            return held.token;
          throw error;
        }
      }
    },
    // The next caller gets another token: no session is kept here.
    async sessionRefused(accessToken) {
      if (held?.token.accessToken.reveal() === accessToken) held = undefined;
    },
  };
}
