import { AuthError } from "../../base/errors.ts";
import type { ExchangeOptions } from "../../http/request.ts";
import type { Revocation } from "../oauth/revocation.ts";
import { isSameLogin, type Profiles, type Session } from "../session.ts";
import { withProfile, type SessionStore } from "../session-store.ts";
import type { TokenManager } from "../token-manager/token-manager.ts";
import { endSession } from "./end-session.ts";

/**
 * How a logout went. The local session is gone in every case but `nobody`. `hasNewLogin`: while the service was told, somebody
 * has logged in again, and that session stays.
 */
export type LogoutOutcome = EndOutcome & { readonly hasNewLogin?: boolean };

type EndOutcome =
  | { readonly kind: "nobody" }
  /** The server ended the session, or knew of none. `tokens`: how it went for each, where it revokes them one by one. */
  | { readonly kind: "ended"; readonly tokens?: readonly Revocation[] }
  /** Only the local session was removed: `force`, or `error` says why the server did not end it. */
  | { readonly kind: "local"; readonly error?: AuthError; readonly tokens?: readonly Revocation[] };

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
  const { session: ended, outcome } = force ? { session, outcome: { kind: "local" } as const } : await endAtServer(session, tokens, exchange);
  const remove = (profiles: Profiles): Profiles => {
    const stored = profiles.profiles.get(profile);
    // Another program may have refreshed the session meanwhile; a login that is newer was not meant (S-003).
    if (stored?.session === undefined || !isSameLogin(stored.session, ended)) return profiles;
    return withProfile(profiles, profile, { ...stored, session: undefined });
  };
  const after = await store.update(remove).catch((error: unknown) => {
    throw error instanceof AuthError ? stillStored(error, profile, outcome) : error;
  });
  return { ...outcome, hasNewLogin: after.profiles.get(profile)?.session !== undefined };
}

/** What the disk says is half of it: whoever has to be safe now wants to know whether what is left still opens anything. */
function stillStored(cause: AuthError, profile: string, { kind }: EndOutcome): AuthError {
  const isOver = kind === "ended";
  // No other folder, whatever the hint of a write is: there nobody is logged in, and here the session would stay.
  return new AuthError(cause.code, `the session ${isOver ? "has ended at the service, but is" : "is"} still stored here: ${cause.message}`, {
    hint: `Mend that, then run: spec-kitty auth logout${isOver ? " --force" : ""} --profile ${profile}`,
    cause,
  });
}

/** @returns how it went, and the session that it was tried with: the stored one, or what that had become by then */
async function endAtServer(stored: Session, tokens: TokenManager, exchange: ExchangeOptions): Promise<{ session: Session; outcome: EndOutcome }> {
  let session = stored;
  try {
    // The service's own logout takes a token that is still good: one that is over would be answered with 401, which reads as
    // "already ended". To revoke tokens needs nothing but the tokens.
    const needsGoodToken = stored.server.logout_endpoint !== undefined;
    if (needsGoodToken) session = await tokens.getSession(exchange.signal && { signal: exchange.signal });
    // A login that came meanwhile was not meant, and what there was before is not here any more (S-003).
    if (!isSameLogin(session, stored)) return { session: stored, outcome: { kind: "local", error: new AuthError("session_ended", "a new login took the session's place") } };
    const results = await endSession(session, exchange);
    exchange.signal?.throwIfAborted();
    // The first is the refresh token, which is the session; without it the access token ends by itself before long.
    const error = results[0]?.error;
    const told = results.length === 0 ? {} : { tokens: results };
    return { session, outcome: error === undefined ? { kind: "ended", ...told } : { kind: "local", error, ...told } };
  } catch (error) {
    // Interrupted: the user has changed their mind, so that the session stays here too.
    if (!(error instanceof AuthError) || error.code === "interrupted") throw error;
    const isOver = error.code === "session_ended" || error.code === "not_authenticated";
    return { session, outcome: isOver ? { kind: "ended" } : { kind: "local", error } };
  }
}
