import { boundToken } from "../auth/session.ts";
import type { AccessToken } from "../auth/token-manager/access-token.ts";
import { hint, login, type Hint } from "../base/errors.ts";
import type { Context } from "./command.ts";

/** What to do when another program needs a token, and this one is bound to a key that only this program has (RFC 9449). */
const loginWithoutKey = login(undefined, "--force", "--no-dpop");
export const unboundToken: Hint = hint`To send a request with it: ${{ command: "api" }}. To get one that others can use: ${loginWithoutKey}`;

/** A valid access token that another program can use, or the token from the environment as is, with an unknown expiry. */
export async function credentialOf({ app, signal }: Context): Promise<Omit<AccessToken, "tokenType">> {
  const { token, tokenType, expiresAt } = await app.tokens().getToken({ signal });
  if (tokenType === "DPoP") throw boundToken("program", unboundToken);
  return { token, expiresAt };
}
