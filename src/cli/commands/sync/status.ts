import { queueFolder } from "../../../app/account.ts";
import { readAll } from "../../../auth/sessions/store.ts";
import { hint, login } from "../../../base/errors.ts";
import { SyncQueue, type Account } from "../../../sync/queue.ts";
import { defineCommand, jsonOption, profileOption, type Command } from "../../command.ts";
import { counted } from "../../../base/duration.ts";
import { columns } from "../../format.ts";
import type { JsonOutput } from "../../json-output.ts";

export const command: Command = defineCommand({
  usage: "sync status",
  description: "Show the queue of each account, and what is set aside.",
  options: { check: { help: "also ask the service whether it accepts events" }, ...profileOption, ...jsonOption },
  examples: [["sync status"], ["sync status --check"]],
  async run({ app, auth, out, signal }, values) {
    const { name, profile } = await app.profileInUse();
    const { profiles } = await readAll(app.store);
    // The queue keeps only ids: names come from logins here.
    const nameOf = ({ service, user }: Account): string =>
      [...profiles.values()].find(({ service: at, session }) => at === service && session?.user.id === user)?.session
        ?.user.email ?? user;
    const queue = new SyncQueue(queueFolder(app), app.clock);
    const scopes = queue.scopes().map(({ account, events, artifacts }) => ({
      ...(account && { service: account.service, user: nameOf(account), team: account.team }),
      events: events.count(),
      artifacts: artifacts.count(),
      givenUp: events.countDead() + artifacts.countDead(),
    }));
    const health = values.check
      ? await (await import("../../../sync/service-request.ts")).syncHealth({ fetch: (await auth()).fetch, signal })
      : undefined;
    if (values.json) {
      out.json<JsonOutput["sync status"]>({ scopes, health: health?.state });
    } else {
      const rows = scopes.map(({ service, user, team, events, artifacts, givenUp }): [string, string] => [
        user === undefined ? "no account yet" : [user, team, service].filter(Boolean).join(", "),
        `${counted(events, "event")}, ${counted(artifacts, "artifact")} queued${givenUp > 0 ? `, ${givenUp} set aside` : ""}`,
      ]);
      out.answer(rows.length === 0 ? "The queue is empty." : columns(rows));
      if (health) out.answer(`Service: ${health.state.replaceAll("_", " ")}`);
      if (rows.length > 0 && profile?.session === undefined && app.tokenSource === undefined)
        out.warn(hint`not logged in (profile "${name}"), so nothing is sent; to log in: ${login(name)}`);
    }
    if (health === undefined || health.state === "connected") return 0;
    return health.state === "unreachable" || health.state === "unexpected" ? 3 : health.state === "denied" ? 5 : 4;
  },
});
