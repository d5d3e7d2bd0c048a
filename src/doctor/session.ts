import { accountName, type ProfileInUse, type Session } from "../auth/sessions/session.ts";
import { lastLogin, seemsExpired, whyEnded } from "../auth/token-manager/ended-login.ts";
import { endOf, isBeforeIssue, remainingMs, soonMs } from "../auth/token-manager/freshness.ts";
import { login } from "../base/errors.ts";
import { reportOn, type Finding } from "./finding.ts";

export function examineSession(
  { name, profile }: ProfileInUse,
  now: number,
  { isNeeded }: { readonly isNeeded: boolean },
): Finding[] {
  const session = profile?.session;
  const report = reportOn("D301", "session");
  const last = lastLogin(profile, now);
  const why = last === undefined ? "" : `: ${whyEnded(last)}`;
  if (profile === undefined || session === undefined) {
    const said = `not logged in (profile "${name}")${why}`;
    return [isNeeded ? report("warning", said, [login(name)]) : report("note", said)];
  }
  const who = `${accountName(profile)} at ${profile.service}, since ${new Date(session.authenticatedAt).toISOString()}`;
  const expired = seemsExpired(session, now);
  const summary =
    expired === undefined
      ? report("ok", who)
      : report("warning", `${who}: ${expired.words}`, [{ command: "auth status", options: ["--check"] }]);
  return [summary, accessToken(session, now), refreshToken(session, now, name)];
}

function accessToken(session: Session, now: number): Finding {
  const report = reportOn("D302", "access token");
  const { accessTokenExpiresAt: expires, refreshToken } = session;
  if (expires === undefined) return report("ok", "valid until the service rejects it");
  const at = new Date(expires).toISOString();
  if (isBeforeIssue(session, now))
    return report("note", "the clock here was set back, so the next command refreshes it");
  if (remainingMs(session, now) > 0) return report("ok", `valid until ${at}`);
  if (refreshToken === undefined) return report("note", `expired at ${at}, and there is no refresh token`);
  return report("ok", `expired at ${at}: the next command refreshes it`);
}

function refreshToken(session: Session, now: number, profile: string): Finding {
  const report = reportOn("D303", "refresh token");
  if (session.refreshToken === undefined) return report("note", "none: the session ends with the access token");
  const expires = session.refreshTokenExpiresAt;
  if (expires === undefined) return report("ok", "only the issuer knows its expiry");
  const left = endOf(session) - now;
  if (left > soonMs) return report("ok", `valid until ${expires}`);
  return report("warning", left > 0 ? `expires soon: ${expires}` : `expired at ${expires}`, [
    login(profile, "--force"),
  ]);
}
