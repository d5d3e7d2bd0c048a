import { startAgent, type RunningAgent } from "../../../app/agent.ts";
import type { App } from "../../../app/app.ts";
import { accountName } from "../../../auth/sessions/session.ts";
import { hint, reasonOf } from "../../../base/errors.ts";
import { duration } from "../../../base/duration.ts";
import { oneLine } from "../../../base/text.ts";
import { runCommand } from "../../../platform/named-program.ts";
import { aborted, warnOfUnsaved } from "../../until-stopped.ts";
import { yesOrNo } from "../../yes-or-no.ts";
import { defineCommand, jsonOption, profileOption, usageError, type Command, type Context } from "../../command.ts";
import type { JsonOutput } from "../../json-output.ts";
import { isoTime } from "../../output.ts";

export const command: Command = defineCommand({
  usage: "auth agent [-- COMMAND…]",
  description: ({ variable }) =>
    "Lend the login to a container, a remote host or a command: access tokens, never the refresh token. " +
    `Print ${variable("AGENT")} to set there, and serve until Ctrl-C. With COMMAND, run it with this variable.`,
  options: {
    for: { value: "DURATION", help: "time limit: 90s, 30m, 8h, 2d" },
    shared: { help: "let other users connect, with the secret" },
    port: { range: [0, 65_535], value: "N", help: "listen on a loopback port instead of a socket" },
    confirm: { help: "ask before serving a new client" },
    ...profileOption,
    ...jsonOption,
    verbose: { help: "log each request, and each client served" },
  },
  examples: [["auth agent"], ["auth agent --for 8h -- make deploy", "lend the login to a command, for 8 hours"]],
  async run(context, values, command) {
    const { app, out, signal } = context;
    if (app.tokenSource !== undefined)
      throw usageError(`cannot lend a login: ${app.tokenSource.origin} is set`, [
        { set: app.tokenSource.origin, value: null },
      ]);
    const isForCommand = command.length > 0;
    if (isForCommand && (values.json || values.confirm))
      throw usageError(
        `--${values.json ? "json" : "confirm"} and a command cannot be used together`,
        "Omit one of the two",
      );
    const limitMs = values.for === undefined ? undefined : parseDuration(values.for);
    const running = await startAgent(app, {
      port: values.port,
      isShared: values.shared === true,
      limitMs,
      allows: values.confirm ? await asking(context) : async () => true,
      gave(who, { expires_in }) {
        if (values.verbose)
          out.say(
            `${oneLine(who)} got a token${expires_in === null ? "" : `, valid for ${duration(expires_in * 1000)}`}.`,
          );
      },
    });
    try {
      warnOfUnsaved(context);
      const { profile, lent, value, place } = running;
      const variable = app.identity.variable("AGENT");
      if (isForCommand) return await serving(app, running, limitMs, command, { ...app.env, [variable]: value });
      const until = limitMs === undefined ? undefined : isoTime(app.clock.now() + limitMs);
      if (values.json)
        out.jsonLine<JsonOutput["auth agent"]>({ variable, value, ...place, profile, service: lent.service, until });
      else out.answer(out.words(hint`${{ variable: "AGENT", value }}`));
      const time = limitMs === undefined ? "" : `, for ${duration(limitMs)}`;
      out.say(`Lending the login of ${accountName(lent)} at ${lent.service}${time}. Press Ctrl-C to stop.`);
      await loanTime(app, limitMs, signal);
      return signal.aborted ? 130 : 0;
    } finally {
      await running.close();
    }
  },
});

/**
 * Serves while the command runs, or until the time limit: the command then continues without. Ctrl-C is for the
 * command.
 */
async function serving(
  app: App,
  running: RunningAgent,
  limitMs: number | undefined,
  command: readonly string[],
  env: App["env"],
): Promise<number> {
  const done = new AbortController();
  void loanTime(app, limitMs, done.signal).then(() => running.close());
  try {
    return await runCommand(command, env);
  } catch (cause) {
    throw usageError(`cannot start "${command[0]}" (${reasonOf(cause)})`, "Name a program in PATH");
  } finally {
    done.abort();
  }
}

function loanTime({ clock }: App, limitMs: number | undefined, signal: AbortSignal): Promise<void> {
  return limitMs === undefined ? aborted(signal) : clock.sleep(limitMs, { signal }).catch(() => undefined);
}

async function asking(context: Context): Promise<(who: string) => Promise<boolean>> {
  if (!(await context.terminal()).isInteractive)
    throw usageError("--confirm cannot ask here", "Omit --confirm, or run it on a terminal without --no-input");
  let last: Promise<unknown> = Promise.resolve();
  return (who) => {
    const asked = last.then(() => yesOrNo(context, `Lend the login to ${oneLine(who)}?`, false));
    last = asked.catch(() => undefined);
    return asked;
  };
}

/** Timers overflow after 24 days. */
const mostMs = 20 * 86_400_000;

function parseDuration(text: string): number {
  const [, count = "", unit = ""] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const ms = Number(count) * ({ s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[unit] ?? 0);
  if (ms > 0 && ms <= mostMs) return ms;
  throw usageError(`--for is "${text}", not a duration from 1s to 20d`, "Try: --for 8h");
}
