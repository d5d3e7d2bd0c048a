import { trackerClientOf } from "../../../app/tracker-client.ts";
import type { TrackerResult } from "../../../tracker/request.ts";
import type { CallOptions, Routing, TrackerClient } from "../../../tracker/client.ts";
import { defineCommand, type Command } from "../../command.ts";
import { routing, routingOptions } from "./options.ts";
import { showResult } from "./show.ts";

/** A command that asks the tracker for one thing and shows it. */
function reading(name: string, description: string, read: (client: TrackerClient, route: Routing, options: CallOptions) => Promise<TrackerResult>): Command {
  return defineCommand({
    usage: `tracker ${name}`,
    description,
    options: routingOptions,
    examples: [
      [`spec-kitty tracker ${name} --provider github --project my-project`, "of a project"],
      [`spec-kitty tracker ${name} --provider github --binding bind_1 --json`, "of a binding, for a program"],
    ],
    async run({ app, out, signal }, values) {
      showResult(out, await read(trackerClientOf(app), routing(values), { signal }), values.json);
    },
  });
}

export const trackerStatus: Command = reading("status", "Show whether the tracker is connected, and how the last exchange went.", (client, route, options) => client.status(route, options));

export const mappings: Command = reading("mappings", "Show which field of the tracker stands for which of ours.", (client, route, options) => client.mappings(route, options));

export const resources: Command = reading("resources", "Show what a project can be bound to.", (client, route, options) => client.resources(route, options));
