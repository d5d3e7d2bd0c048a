import { accountName, userName, type EndedLogin } from "../../../auth/sessions/session.ts";
import { readAll } from "../../../auth/sessions/store.ts";
import { lastLogin, seemsExpired } from "../../../auth/token-manager/ended-login.ts";
import { localTime } from "../../../base/duration.ts";
import { hint, login } from "../../../base/errors.ts";
import { endedOutput } from "../../auth-status.ts";
import { defineCommand, jsonOption, type Command } from "../../command.ts";
import { table } from "../../format.ts";
import type { JsonOutput } from "../../json-output.ts";

const states: Record<EndedLogin["reason"], string> = {
  expired: "expired",
  revoked: "revoked",
  logout: "logged out",
  replaced: "replaced",
};

export const command: Command = defineCommand({
  usage: "auth list",
  description: "List the profiles on this machine, with the active one marked.",
  options: { ...jsonOption },
  examples: [["auth list"], ["auth list --json"]],
  async run({ app, out }, values) {
    const { name, source } = await app.profileInUse({ mayBeNew: true });
    const { active, profiles } = await readAll(app.store);
    const now = app.clock.now();
    if (values.json)
      return out.json<JsonOutput["auth list"]>({
        profiles: [...profiles].map(([profile, { service, session, ended }]) => ({
          profile,
          service,
          user: (session ?? ended)?.user,
          active: profile === active,
          authenticated: session !== undefined,
          expired: session && seemsExpired(session, now) && true,
          ended: ended && endedOutput(ended),
        })),
      });
    if (profiles.size === 0) {
      out.answer("There are no profiles yet.");
      return out.hint(hint`Run: ${login()}`);
    }
    const rows = [...profiles].map(([profile, stored]) => {
      const { service, session, ended } = stored;
      const last = lastLogin(stored, now);
      const expired = session && seemsExpired(session, now);
      const loggedIn = expired ? `expired, ${localTime(expired.at)}, by this machine's clock` : "logged in";
      return [
        profile === active ? "*" : "",
        profile,
        session ? accountName(stored) : ended ? userName(ended.user) : "",
        service,
        session ? loggedIn : last ? `${states[last.reason]}, ${localTime(last.endedAt)}` : "logged out",
      ];
    });
    out.answer(table([["", "PROFILE", "USER", "SERVICE", "STATE"], ...rows], out.columns));
    if (name !== active || source.startsWith("--here")) out.say(`In use here: "${name}" (${source}).`);
  },
});
