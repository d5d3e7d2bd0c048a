import { isTransient } from "../../base/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import { remainingMs, requiredMs } from "../token-manager/freshness.ts";
import type { AccessTokenOptions } from "../token-manager/access-token.ts";
import { abortable } from "../token-manager/token-manager.ts";
import type { TokenGiver } from "../token-manager/token-source.ts";
import type { Credential } from "../sessions/session.ts";
import type { SessionTokens } from "../sessions/session-tokens.ts";

interface Held {
  readonly tokens: SessionTokens;
  /** When the token expires on the monotonic clock, which nobody sets back. */
  readonly expiresAtMonotonic: number;
}

/**
 * Access tokens of an identity that is exchanged: kept in memory only, one exchange for all callers of this process. There is nothing to
 * renew one with but the identity itself, so a token that expires soon, or was refused, is exchanged anew; a refresh token, should the
 * issuer give one, is dropped, since whoever finds it would need no identity any more.
 *
 * @param exchange - one exchange, with its own retries
 */
export function exchangedTokens(exchange: () => Promise<SessionTokens>, clock: Clock): TokenGiver {
  let held: Held | undefined;
  let pending: Promise<Held> | undefined;

  const leftMs = ({ tokens, expiresAtMonotonic }: Held): number =>
    Math.min(expiresAtMonotonic - clock.monotonic(), remainingMs(tokens, clock.now()));
  const isRejected = ({ tokens }: Held, { rejected }: AccessTokenOptions): boolean =>
    rejected !== undefined && tokens.accessToken.reveal() === rejected;
  const renewed = async (): Promise<Held> => {
    const tokens = await exchange();
    return (held = { tokens, expiresAtMonotonic: clock.monotonic() + remainingMs(tokens, clock.now()) });
  };

  return {
    async getCredential(need): Promise<Credential> {
      need.signal?.throwIfAborted();
      if (
        held !== undefined &&
        !isRejected(held, need) &&
        leftMs(held) > requiredMs(held.tokens, need.minValidityMs ?? 0)
      )
        return held.tokens;
      pending ??= renewed().finally(() => (pending = undefined));
      try {
        return (await abortable(pending, need.signal)).tokens;
      } catch (error) {
        // One that is still good for a moment is better than none while the issuer or the platform cannot be reached.
        if (held !== undefined && isTransient(error) && !isRejected(held, need) && leftMs(held) > 0) return held.tokens;
        throw error;
      }
    },
    // The next caller exchanges the identity again: the service says that a session ended, and this has none.
    async sessionRefused(accessToken) {
      if (held?.tokens.accessToken.reveal() === accessToken) held = undefined;
    },
  };
}
