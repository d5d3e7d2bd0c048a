import { userName } from "../../auth/sessions/session.ts";
import { lastLogin } from "../../auth/token-manager/ended-login.ts";
import { isAlive } from "../../auth/token-manager/freshness.ts";
import { NotAuthenticatedError } from "../../base/errors.ts";
import { isCiJob } from "../../platform/browser-or-device.ts";
import type { Context } from "../command.ts";
import { exitCodeOf } from "../exit-code.ts";
import { yesOrNo } from "../yes-or-no.ts";

/**
 * Offers to log in, to a user who has typed a command that needs it and whose answer goes to the terminal, but not in a CI job. The command
 * starts again after that, so nothing may have been answered or read yet.
 *
 * @param error - what the command has ended with
 * @param run - runs a command line, or the same one again
 * @returns the exit code; undefined where there is nobody to ask, or a login would not help
 * @throws {@link NotAuthenticatedError} when another user has logged in than the one whose login had ended: the command was not theirs
 */
export async function offerLogin(
  error: NotAuthenticatedError,
  context: Context,
  run: (argv?: readonly string[]) => Promise<number>,
): Promise<number | undefined> {
  const { app, identity, out, terminal, stdin, commands } = context;
  const { settings, store } = app;
  const isHere = (await terminal()).isInteractive && !isCiJob(app.env);
  const isUnused = !out.hasAnswered && !stdin().readableDidRead;
  const hasLogin = app.command !== "auth login" && commands.some(({ words }) => words.join(" ") === "auth login");
  const isUsed = app.isLocal && app.tokenSource === undefined;
  if (!isHere || !isUnused || !hasLogin || !isUsed) return undefined;
  const { name, source, profile } = await app.profileInUse({ mayBeNew: true });
  const service = profile?.service ?? settings.service?.value ?? identity.service;
  // A profile that was named and does not exist is a typing mistake.
  const isTypo = profile === undefined && source !== "active";
  const now = app.clock.now();
  const isLoggedIn = profile?.session !== undefined && isAlive(profile.session, now);
  if (service === undefined || isTypo || isLoggedIn) return undefined;

  const last = lastLogin(profile, now);
  const user = last === undefined || last.reason === "logout" ? undefined : last.user;
  out.error(error.message);
  if (!(await yesOrNo(context, `Log in${user ? ` as ${userName(user)}` : ""} now?`, true))) {
    out.hint(error.next);
    return exitCodeOf(error.code);
  }
  const named = settings.profile?.source === "--profile" ? ["--profile", name] : [];
  const code = await run(["auth", "login", ...named]);
  if (code !== 0) return code;
  const next = (await store.read(name)).profile?.session?.user;
  if (user !== undefined && next !== undefined && next.id !== user.id)
    throw new NotAuthenticatedError(`the command was for ${userName(user)}, and ${userName(next)} is logged in now`, {
      hint: `To run it as ${userName(next)}, run it again`,
    });
  return run();
}
