import { NotAuthenticatedError } from "../base/errors.ts";
import type { TokenManager } from "./token-manager/token-manager.ts";
import type { AuthorizedFetchOptions } from "./authorized-fetch.ts";
import type { Credential } from "./session.ts";

/**
 * The tokens of one user at one service. A program that runs for long may hold those of the one before: after a login or a
 * switch in another terminal, what belongs to one account must not be sent in another's name.
 *
 * @param tokens - whoever's they are now
 * @param account - `user`: the service's own id; `label`: what people call it
 * @throws (the functions made) {@link NotAuthenticatedError} when they are another's, and what the token manager throws
 */
export function tokensOfAccount(tokens: TokenManager, account: { service: string; user: string; label?: string | undefined }): AuthorizedFetchOptions["tokens"] {
  const refuse = (): never => {
    throw new NotAuthenticatedError(`this program does not act for ${account.label ?? account.user} at ${account.service}, who is logged in now`, { hint: "Start it again" });
  };
  // A token of the environment names nobody: whose it is, the service was asked.
  const isTheirs = ({ user }: Credential): boolean => user === undefined || user.id === account.user;
  return {
    async getCredential(options = {}) {
      const held = await tokens.getCredential(options);
      if (isTheirs(held)) return held;
      // In memory there may be the one before; what is stored counts.
      const stored = options.rejected === undefined ? await tokens.getCredential({ ...options, rejected: held.accessToken.reveal() }) : held;
      return isTheirs(stored) ? stored : refuse();
    },
    sessionRefused: (token) => tokens.sessionRefused(token),
    service: async () => ((await tokens.service()) === account.service ? account.service : refuse()),
  };
}
