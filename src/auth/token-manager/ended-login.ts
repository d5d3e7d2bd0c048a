import { localTime } from "../../base/duration.ts";
import { hint, login, NotAuthenticatedError, ServiceError } from "../../base/errors.ts";
import { userName, type EndedLogin, type Profile, type Session } from "../sessions/session.ts";
import { endOf, isAlive } from "./freshness.ts";

type End = Pick<EndedLogin, "reason" | "by"> & { readonly at: number; readonly cause?: unknown };

export function withoutLogin(profile: Profile, end: End): Profile {
  const { session } = profile;
  return session === undefined ? profile : { ...profile, session: undefined, ended: endedLogin(session, end) };
}

/** Stored in the same write that ends the login, so each end is recorded once. */
export function endedLogin({ user, issuedAt, refreshedBy }: Session, { reason, by, at, cause }: End): EndedLogin {
  const said = cause instanceof ServiceError ? cause.message : undefined;
  return { user, reason, endedAt: at, by, said, issuedAt, refreshedBy };
}

export function notLoggedIn(name: string, profile: Profile | undefined, now: number): NotAuthenticatedError {
  const last = lastLogin(profile, now);
  const nobody = `not logged in (profile "${name}")`;
  return new NotAuthenticatedError(last === undefined ? nobody : `${nobody}: ${whyEnded(last)}`, {
    hint: hint`Run: ${login(name)}`,
  });
}

/** The last login of a profile that is not logged in: one that has ended, or has expired and was not removed yet. */
export function lastLogin(profile: Profile | undefined, now: number): EndedLogin | undefined {
  const session = profile?.session;
  if (session === undefined) return profile?.ended;
  const expired = seemsExpired(session, now);
  return expired && endedLogin(session, { reason: "expired", at: expired.at });
}

/**
 * When a login expired; undefined where it has not. This machine's clock may have been corrected since the login, so
 * this is no reason to report "not logged in".
 */
export function seemsExpired(
  session: Session,
  now: number,
): { readonly at: number; readonly words: string } | undefined {
  if (isAlive(session, now)) return undefined;
  const at = Math.min(now, endOf(session));
  return { at, words: `by this machine's clock, the session expired on ${localTime(at)}` };
}

/** As the end of a sentence. */
export function whyEnded({ user, reason, endedAt, by }: EndedLogin): string {
  const [who, when, what] = [userName(user), localTime(endedAt), by === undefined ? "" : ` by "${by}"`];
  switch (reason) {
    case "expired":
      return `the session of ${who} expired on ${when}`;
    case "revoked":
      return `the issuer ended the session of ${who} (noticed${what} on ${when})`;
    case "logout":
      return `${who} logged out here on ${when}`;
    case "replaced":
      return `another login replaced that of ${who} on ${when}`;
  }
}
