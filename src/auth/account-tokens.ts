import { NotAuthenticatedError } from "../base/errors.ts";
import type { TokenManager } from "./token-manager/token-manager.ts";
import type { AuthorizedFetchOptions } from "./authorized-fetch.ts";
import type { Credential } from "./sessions/session.ts";

/**
 * A long-running program must not send one account's data with another's token.
 *
 * @param account - `user`: the service's own id; `label`: the user's name
 */
export function tokensOfAccount(
  tokens: TokenManager,
  account: { service: string; user: string; label?: string | undefined },
): AuthorizedFetchOptions["tokens"] {
  const refuse = (): never => {
    throw new NotAuthenticatedError(
      `this program acts for ${account.label ?? account.user} at ${account.service}, and another user is logged in now`,
      { hint: "Start the program again" },
    );
  };
  // A token from the environment names no user: the service was asked.
  const isTheirs = ({ user }: Credential): boolean => user === undefined || user.id === account.user;
  return {
    async getCredential(options = {}) {
      const held = await tokens.getCredential(options);
      if (isTheirs(held)) return held;
      // Memory may be outdated.
      const stored =
        options.rejected === undefined
          ? await tokens.getCredential({ ...options, rejected: held.accessToken.reveal() })
          : held;
      return isTheirs(stored) ? stored : refuse();
    },
    sessionRefused: (token) => tokens.sessionRefused(token),
    service: async () => ((await tokens.service()) === account.service ? account.service : refuse()),
  };
}
