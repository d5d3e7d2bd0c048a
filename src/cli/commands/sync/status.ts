import { queueFolder } from "../../../app/account.ts";
import { loginCommand } from "../../../auth/session.ts";
import { syncHealth } from "../../../sync/health.ts";
import { SyncQueue } from "../../../sync/queue.ts";
import type { SyncStatusAnswer } from "../../json-output.ts";
import { defineCommand, jsonOption, profileOption, type Command } from "../../command.ts";
import { columns } from "../../format.ts";

export const syncStatus: Command = defineCommand({
  usage: "sync status",
  description: "Show what waits in the queue, for whom, and what was put aside. Asks nobody, unless told to.",
  options: { check: { type: "boolean", help: "ask the service whether it would take events now" }, ...profileOption, ...jsonOption },
  examples: [
    ["spec-kitty sync status", "what waits"],
    ["spec-kitty sync status --check", "and whether the service takes it"],
  ],
  async run({ app, out, signal }, values) {
    const queue = new SyncQueue(queueFolder(app), app.clock);
    const scopes = queue.scopes().map(({ account, events, artifacts }) => ({
      ...(account && { service: account.service, user: account.label ?? account.user, team: account.team }),
      events: events.count(),
      artifacts: artifacts.count(),
      putAside: events.countDead() + artifacts.countDead(),
    }));
    const health = values.check ? await syncHealth({ fetch: app.authorizedFetch, signal }) : undefined;
    const answer: SyncStatusAnswer = { scopes, ...(health && { health: health.state }) };
    if (values.json) {
      out.json(answer);
    } else {
      const rows = scopes.map(({ service, user, team, events, artifacts, putAside }): [string, string] => [
        user === undefined ? "nobody yet" : [user, team, service].filter(Boolean).join(", "),
        `${events} events, ${artifacts} artifacts wait${putAside > 0 ? `, ${putAside} put aside` : ""}`,
      ]);
      out.answer(rows.length === 0 ? "The queue is empty." : columns(rows));
      if (health) out.answer(`Service: ${health.state.replaceAll("_", " ")}`);
      const { active, profiles } = await app.store.read();
      const name = app.settings.profile?.value ?? active;
      if (rows.length > 0 && profiles.get(name)?.session === undefined) out.warn(`nobody is logged in (profile "${name}"), so nothing is sent; to change that: ${loginCommand(name)}`);
    }
    if (health === undefined || health.state === "connected") return 0;
    return health.state === "unreachable" || health.state === "unexpected" ? 3 : health.state === "denied" ? 5 : 4;
  },
});
