import { AuthError } from "../../errors.ts";
import { sessionLogout } from "../oauth/session-logout.ts";
import type { ExchangeOptions } from "../oauth/exchange.ts";
import { withProfile, type SessionStore } from "../session-store.ts";
import type { TokenManager } from "../token-manager.ts";

/** How a logout went. The local session is gone in every case but `nobody`. */
export type LogoutOutcome =
  | { readonly kind: "nobody" }
  /** The server ended the session, or knew of none. */
  | { readonly kind: "ended" }
  /** Only the local session was removed: `force`, or `error` says why the server was not told. */
  | { readonly kind: "local"; readonly error?: AuthError };

/**
 * Logs a profile out: tells the server, then removes the session here, whatever the server said.
 *
 * @param profile - its name
 * @param how - `force` leaves the server out
 * @throws {@link AuthError} `interrupted`, or when the session could not be removed here; it is still there then
 */
export async function logout(
  profile: string,
  { store, tokens, exchange, force }: { store: SessionStore; tokens: TokenManager; exchange: ExchangeOptions; force: boolean },
): Promise<LogoutOutcome> {
  const session = (await store.read()).profiles.get(profile)?.session;
  if (session === undefined) return { kind: "nobody" };
  const error = force ? undefined : await endAtServer(tokens, exchange);
  await store.update((profiles) => {
    const stored = profiles.profiles.get(profile);
    return stored?.session === undefined ? profiles : withProfile(profiles, profile, { ...stored, session: undefined });
  });
  if (force) return { kind: "local" };
  return error === undefined ? { kind: "ended" } : { kind: "local", error };
}

/** @returns why the server was not told, or undefined when it was */
async function endAtServer(tokens: TokenManager, exchange: ExchangeOptions): Promise<AuthError | undefined> {
  try {
    // With a token that is still good: one that is over would be answered with 401, which reads as "already ended".
    const session = await tokens.getSession(exchange.signal && { signal: exchange.signal });
    const endpoint = session.server.logout_endpoint;
    if (endpoint !== undefined) await sessionLogout(endpoint, session.accessToken, exchange);
    return undefined;
  } catch (error) {
    // Interrupted: the user has changed their mind, so that the session stays here too.
    if (!(error instanceof AuthError) || error.code === "interrupted") throw error;
    return error.code === "session_ended" || error.code === "not_authenticated" ? undefined : error;
  }
}
