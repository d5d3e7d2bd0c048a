import { trackerClientOf } from "../../../app/tracker-client.ts";
import { defineCommand, type Command } from "../../command.ts";
import { limit, routing, routingOptions } from "./options.ts";
import { showResult } from "./show.ts";

export const tickets: Command = defineCommand({
  usage: "tracker tickets",
  description: "List the tickets that the binding shows.",
  options: { limit: { type: "string", value: "N", help: "how many at most (default: 20)" }, ...routingOptions },
  examples: [
    ["spec-kitty tracker tickets --provider linear", "the first twenty"],
    ["spec-kitty tracker tickets --provider linear --limit 100 --json", "more, for a program"],
  ],
  async run({ app, out, signal }, values) {
    showResult(out, await trackerClientOf(app).listTickets({ ...routing(values), ...limit(values.limit) }, { signal }), values.json);
  },
});
