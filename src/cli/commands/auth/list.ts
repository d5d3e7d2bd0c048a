import { accountName } from "../../../auth/sessions/session.ts";
import { readAll } from "../../../auth/sessions/store.ts";
import { isAlive } from "../../../auth/token-manager/freshness.ts";
import { hint, login } from "../../../base/errors.ts";
import { defineCommand, jsonOption, type Command } from "../../command.ts";
import { table } from "../../format.ts";
import type { ProfileList } from "../../json-output.ts";

export const command: Command = defineCommand({
  usage: "auth list",
  description: "List the accounts that have logged in on this machine. Sends nothing.",
  options: { ...jsonOption },
  examples: [
    ["auth list", "every account, and which one is active"],
    ["auth list --json", "the same for a program"],
  ],
  async run({ app, out }, values) {
    const { name, source } = await app.profileInUse({ mayBeNew: true });
    const { active, profiles } = await readAll(app.store);
    const answer: ProfileList = {
      profiles: [...profiles].map(([profile, { service, session }]) => ({
        profile,
        service,
        ...(session && { user: session.user }),
        active: profile === active,
        authenticated: session !== undefined && isAlive(session, app.clock.now()),
      })),
    };
    if (values.json) return out.json(answer);
    if (profiles.size === 0) {
      out.answer("No account has logged in here yet.");
      return out.hint(hint`Run: ${login()}`);
    }
    const rows = answer.profiles.map(({ profile, service, active: isActive, authenticated }) => {
      const stored = profiles.get(profile);
      return [
        isActive ? "*" : "",
        profile,
        stored?.session ? accountName(stored) : "",
        service,
        authenticated ? "logged in" : "logged out",
      ];
    });
    out.answer(table([["", "PROFILE", "USER", "SERVICE", "STATE"], ...rows], out.columns));
    if (name !== active || source.startsWith("--here")) out.say(`Here, "${name}" is used, because of ${source}.`);
  },
});
