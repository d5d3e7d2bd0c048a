import { AuthError } from "../base/errors.ts";
import { hint, login, type Hint } from "../base/hint.ts";
import type { Context } from "./command.ts";

/** An access token for another program to use. */
export interface Credential {
  readonly token: string;
  /** By this machine's clock, which is the one that the other program compares with, in milliseconds since 1970; undefined if unknown. */
  readonly expiresAt: number | undefined;
}

/** What to do when another program needs a token, and this one is bound to a key that only this program has (RFC 9449). */
const loginWithoutKey = login(undefined, "--force", "--no-dpop");
export const unboundToken: Hint = hint`To send a request with it: ${{ command: "api" }}. To get one that others can use: ${loginWithoutKey}`;

/**
 * A valid access token of the profile in use, or the token from the environment as is, with an unknown expiry.
 *
 * @throws as `TokenManager.getSession`, and `configuration_invalid` for a token that only this program can use
 */
export async function credentialOf({ app, signal }: Context): Promise<Credential> {
  if (app.settings.accessToken) return { token: app.settings.accessToken.reveal(), expiresAt: undefined };
  const { accessToken, accessTokenExpiresAt, clockOffsetMs, tokenType } = await app.tokens().getSession({ signal });
  if (tokenType === "DPoP") {
    throw new AuthError("configuration_invalid", "the access token is bound to a key that stays here, so no other program can use it", { hint: unboundToken });
  }
  return { token: accessToken.reveal(), expiresAt: accessTokenExpiresAt === undefined ? undefined : accessTokenExpiresAt - clockOffsetMs };
}
