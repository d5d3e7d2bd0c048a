import { AuthError } from "../base/errors.ts";
import type { AuthorizedFetchOptions } from "../auth/authorized-fetch.ts";
import { dpopProof } from "../auth/oauth/dpop-proof.ts";
import type { Credential } from "../auth/sessions/session.ts";
import { targetOf } from "../http/token-target.ts";
import type { Clock } from "../platform/clock.ts";
import type { LentProof, LentToken, ProofQuestion, TokenQuestion } from "./protocol.ts";

/** A client that rejects every token must not flood the service with refreshes. */
const oncePerMs = 10_000;

/**
 * Lends access tokens, and proofs of their key. Refresh token and key stay, so the loan ends by itself.
 *
 * @param tokens - of one account, also after another login
 */
export function lenderOf(
  tokens: AuthorizedFetchOptions["tokens"],
  clock: Clock,
): { token(question: TokenQuestion): Promise<LentToken>; proof(question: ProofQuestion): Promise<LentProof> } {
  let last: { readonly rejected: string; readonly at: number; readonly next: Promise<Credential> } | undefined;
  /** Replaces a token that is still current: once for all that reject it. */
  const replaced = async (held: Credential, rejected: string): Promise<Credential> => {
    const now = clock.monotonic();
    if (last === undefined || now - last.at >= oncePerMs)
      last = { rejected, at: now, next: tokens.getCredential({ rejected }) };
    return last.rejected === rejected ? last.next : held;
  };
  return {
    async token({ min_validity = 0, rejected }) {
      const held = await tokens.getCredential({ minValidityMs: min_validity * 1000 });
      const isRefused = rejected !== undefined && rejected === held.accessToken.reveal();
      const credential = isRefused ? await replaced(held, rejected) : held;
      const { accessToken, tokenType, accessTokenExpiresAt: ends, clockOffsetMs } = credential;
      const leftMs = ends === undefined ? undefined : ends - clockOffsetMs - clock.now();
      return {
        access_token: accessToken.reveal(),
        token_type: tokenType,
        expires_in: leftMs === undefined ? null : Math.max(0, Math.floor(leftMs / 1000)),
      };
    },
    async proof({ htm, htu, access_token, nonce }) {
      const { dpopKey, clockOffsetMs } = await tokens.getCredential({});
      if (dpopKey === undefined)
        throw new AuthError("usage_invalid", "the token is not bound to a key", {
          hint: "Send the token without a proof",
        });
      // A proof is for one URL, briefly. Clients need none for others.
      if (!targetOf(htu, await tokens.service()).isService)
        throw new AuthError("access_denied", '"htu" is not a URL of the service', {
          hint: "Send the request to the URL of the service",
        });
      return { dpop: dpopProof(dpopKey, { htm, htu, access_token, nonce, now: clock.now() + clockOffsetMs }) };
    },
  };
}
