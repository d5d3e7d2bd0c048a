import { isAlive, loginCommand, remainingMs, type Profile, type Session } from "../auth/session.ts";
import { finder, type Finding } from "./finding.ts";

const threeDaysMs = 3 * 86_400_000;

/**
 * Who is logged in, and both ends of it, as far as is known here.
 * @param name - the profile in use
 * @param now - this machine's clock, milliseconds since 1970
 */
export function examineSession(name: string, profile: Profile | undefined, now: number): Finding[] {
  const session = profile?.session;
  const login = loginCommand(name);
  const report = finder("D301", "session");
  if (profile === undefined || session === undefined) return [report("warning", `nobody is logged in (profile "${name}")`, login)];
  const { email, id } = session.user;
  const who = `${email ?? id} at ${profile.service}, since ${new Date(session.authenticatedAt).toISOString()}`;
  return [isAlive(session, now) ? report("ok", who) : report("warning", `${who}, and over`, `${login} --force`), accessToken(session, now), refreshToken(session, now, login)];
}

function accessToken(session: Session, now: number): Finding {
  const report = finder("D302", "access token");
  const { accessTokenExpiresAt: ends, refreshToken } = session;
  if (ends === undefined) return report("ok", "good until the service says otherwise");
  const at = new Date(ends).toISOString();
  if (remainingMs(session, now) > 0) return report("ok", `good until ${at}`);
  return refreshToken === undefined ? report("note", `over since ${at}, and there is no refresh token`) : report("ok", `over since ${at}: the next command refreshes it`);
}

function refreshToken(session: Session, now: number, login: string): Finding {
  const report = finder("D303", "refresh token");
  if (session.refreshToken === undefined) return report("note", "there is none: the login ends with the access token");
  const ends = session.refreshTokenExpiresAt;
  if (ends === undefined) return report("ok", "the service alone knows when it ends");
  const left = Date.parse(ends) - now - session.clockOffsetMs;
  if (left > threeDaysMs) return report("ok", `good until ${ends}`);
  return report("warning", left > 0 ? `ends soon: ${ends}` : `over since ${ends}`, `${login} --force`);
}
