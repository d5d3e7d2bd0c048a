import type { App } from "../app/app.ts";
import { boundToken, type Session } from "../auth/sessions/session.ts";
import type { AccessToken } from "../auth/token-manager/access-token.ts";
import { AuthError, hint, login, type Hint } from "../base/errors.ts";
import type { Context } from "./command.ts";

/** For another program, when the token is bound to a key of this one (RFC 9449). */
const loginWithoutKey = login(undefined, "--force", "--no-dpop");
export const unboundToken: Hint = hint`Send a request with it: ${{ command: "api" }}. Get a plain one: ${loginWithoutKey}`;

/**
 * A valid access token for another program, or the environment's as is, with unknown expiry.
 *
 * @param rejected - a refused token, replaced unless that has happened already
 */
export async function credentialOf(
  { app, signal }: Context,
  rejected?: string,
): Promise<Omit<AccessToken, "tokenType">> {
  const wanted = { signal, rejected };
  const { token, tokenType, expiresAt } = await app.tokens().getToken(wanted);
  if (tokenType === "DPoP") throw boundToken("program", unboundToken);
  return { token, expiresAt };
}

/** A shorter validity is as good as expired: the program still has to send it. */
const leastMs = 60_000;

/**
 * A valid ID token of the login, refreshed with the session when it expires soon.
 *
 * @param rejected - a refused one, replaced unless that has happened already
 * @throws AuthError `configuration_invalid` where there is none
 */
export async function idTokenOf(
  { app, signal }: Context,
  rejected?: string,
): Promise<{ token: string; expiresAt: number }> {
  if (app.tokenSource !== undefined) {
    const { origin } = app.tokenSource;
    throw noIdToken(`${origin} provides access tokens only`, `Unset ${origin}, and log in`);
  }
  const { idTokenExpiry } = await import("../auth/oauth/id-token.ts");
  const tokens = app.tokens();
  let session = await tokens.getSession({ signal });
  const leftMs = ({ signedIdToken, clockOffsetMs }: Session): number =>
    (signedIdToken === undefined ? 0 : idTokenExpiry(signedIdToken)) - clockOffsetMs - app.clock.now();
  const known = session.signedIdToken;
  if (known !== undefined && (known.reveal() === rejected || leftMs(session) < leastMs))
    session = await tokens.getSession({ rejected: session.accessToken.reveal(), signal });
  const { signedIdToken } = session;
  if (signedIdToken === undefined) throw noIdToken("the login has no ID token");
  if (leftMs(session) <= 0) throw noIdToken("the ID token has expired, and a refresh brings no new one");
  return { token: signedIdToken.reveal(), expiresAt: app.clock.now() + leftMs(session) };
}

function noIdToken(why: string, logIn = "Log in"): AuthError {
  return new AuthError("configuration_invalid", why, {
    hint: hint`${logIn} at an issuer with OpenID Connect: ${login(undefined, "--force", "--scope", "openid")}`,
  });
}

/** The one service whose tokens a program may have, logged in or not; undefined when nothing names one. */
export async function serviceOf({ profileInUse, tokenSource, serviceFor }: App): Promise<string | undefined> {
  if (tokenSource?.lender !== undefined) return (await tokenSource.lender()).service;
  return serviceFor((await profileInUse()).profile);
}

/**
 * The origin of a URL as the program that asks reads it; undefined if it may read another. `https://a.example\@b.example` is
 * at a.example here, and at b.example by RFC 3986.
 */
export function plainOrigin(address: string): string | undefined {
  const [origin = ""] = /^https?:\/\/(?:[\w.-]+|\[[\da-f:.]+\])(?::\d+)?(?=\/|$)/i.exec(address) ?? [];
  return URL.canParse(origin) ? new URL(origin).origin : undefined;
}
