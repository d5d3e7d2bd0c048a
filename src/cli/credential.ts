import type { Context } from "./command.ts";

/** An access token for another program to use. */
export interface Credential {
  readonly token: string;
  /** By this machine's clock, which is the one that the other program looks at, in milliseconds since 1970; undefined when nobody knows. */
  readonly expiresAt: number | undefined;
}

/**
 * A valid access token of the profile in use, or `SPEC_KITTY_ACCESS_TOKEN` as it is, whose end is not known here.
 * @throws as `TokenManager.getAccessToken`
 */
export async function credentialOf({ app, signal }: Context): Promise<Credential> {
  if (app.settings.accessToken) return { token: app.settings.accessToken.reveal(), expiresAt: undefined };
  const { accessToken, accessTokenExpiresAt, clockOffsetMs } = await app.tokens().getSession({ signal });
  return { token: accessToken.reveal(), expiresAt: accessTokenExpiresAt === undefined ? undefined : accessTokenExpiresAt - clockOffsetMs };
}
