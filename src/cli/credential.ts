import type { App } from "../app/app.ts";
import { boundToken } from "../auth/sessions/session.ts";
import type { AccessToken } from "../auth/token-manager/access-token.ts";
import { hint, login, type Hint } from "../base/errors.ts";
import type { Context } from "./command.ts";

/** What to do when another program needs a token, and this one is bound to a key that only this program has (RFC 9449). */
const loginWithoutKey = login(undefined, "--force", "--no-dpop");
export const unboundToken: Hint = hint`To send a request with it: ${{ command: "api" }}. To get one that others can use: ${loginWithoutKey}`;

/**
 * A valid access token that another program can use, or the token from the environment as is, with an unknown expiry.
 *
 * @param rejected - a token that was refused: it is replaced, unless that has happened already
 */
export async function credentialOf(
  { app, signal }: Context,
  rejected?: string,
): Promise<Omit<AccessToken, "tokenType">> {
  const wanted = { signal, ...(rejected !== undefined && { rejected }) };
  const { token, tokenType, expiresAt } = await app.tokens().getToken(wanted);
  if (tokenType === "DPoP") throw boundToken("program", unboundToken);
  return { token, expiresAt };
}

/** The one service whose tokens a program may have, whether or not anybody is logged in there; undefined when nothing names one. */
export async function serviceOf({ profileInUse, tokenSource, settings }: App): Promise<string | undefined> {
  if (tokenSource?.lender !== undefined) return (await tokenSource.lender()).service;
  const { profile } = await profileInUse();
  const ofSettings = settings.service?.value;
  return tokenSource === undefined ? (profile?.service ?? ofSettings) : (ofSettings ?? profile?.service);
}
