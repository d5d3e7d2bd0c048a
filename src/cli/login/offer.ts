import { userName } from "../../auth/sessions/session.ts";
import { lastLogin } from "../../auth/token-manager/ended-login.ts";
import { isAlive } from "../../auth/token-manager/freshness.ts";
import { NotAuthenticatedError } from "../../base/errors.ts";
import { isCiJob } from "../../platform/browser-or-device.ts";
import type { Context } from "../command.ts";
import { exitCodeOf } from "../exit-code.ts";
import { yesOrNo } from "../yes-or-no.ts";

/**
 * Offers a login after a typed command that needs one, if its output goes to the terminal, and not in a CI job. The
 * command then starts again, so nothing may have been printed or read yet.
 *
 * @param run - runs a command line, or the same one again
 * @returns the exit code; undefined where no user can be asked, or a login would not help
 * @throws {@link NotAuthenticatedError} when another user logged in than before: the command was not theirs
 */
export async function offerLogin(
  error: NotAuthenticatedError,
  context: Context,
  run: (argv?: readonly string[]) => Promise<number>,
): Promise<number | undefined> {
  const { app, out, terminal, stdin, commands } = context;
  const { identity, settings, store } = app;
  const isHere = (await terminal()).isInteractive && !isCiJob(app.env);
  const isUnused = !out.hasAnswered && !stdin().readableDidRead;
  const hasLogin =
    !/^auth (login|switch)$/.test(app.command) && commands.some(({ words }) => words.join(" ") === "auth login");
  const isUsed = app.isLocal && app.tokenSource === undefined;
  if (!isHere || !isUnused || !hasLogin || !isUsed) return undefined;
  const { name, source, profile } = await app.profileInUse({ mayBeNew: true });
  const service = app.serviceFor(profile) ?? identity.service;
  // A named profile that does not exist is a typing mistake.
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
