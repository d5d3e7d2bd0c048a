import { AuthError } from "../base/errors.ts";
import type { Context } from "./command.ts";

/** An access token for another program to use. */
export interface Credential {
  readonly token: string;
  /** By this machine's clock, which is the one that the other program looks at, in milliseconds since 1970; undefined when nobody knows. */
  readonly expiresAt: number | undefined;
}

/** What to do where another program needs a token, and the one there is is bound to a key of ours (RFC 9449). */
export const unboundToken = "To send a request with it: spec-kitty api. For one that others can use: spec-kitty auth login --force --no-dpop";

/**
 * A valid access token of the profile in use, or `SPEC_KITTY_ACCESS_TOKEN` as it is, whose end is not known here.
 * @throws as `TokenManager.getAccessToken`, and `configuration_invalid` for a token that only this program can use
 */
export async function credentialOf({ app, signal }: Context): Promise<Credential> {
  if (app.settings.accessToken) return { token: app.settings.accessToken.reveal(), expiresAt: undefined };
  const { accessToken, accessTokenExpiresAt, clockOffsetMs, tokenType } = await app.tokens().getSession({ signal });
  if (tokenType === "DPoP") throw new AuthError("configuration_invalid", "the access token is bound to a key that stays here, and no other program can use it", { hint: unboundToken });
  return { token: accessToken.reveal(), expiresAt: accessTokenExpiresAt === undefined ? undefined : accessTokenExpiresAt - clockOffsetMs };
}
