import { trackerClientOf } from "../../../app/tracker-client.ts";
import { defineCommand, type Command } from "../../command.ts";
import { parseJsonObject, readInput } from "../../input.ts";
import { limit, routing, routingOptions } from "./options.ts";
import { showResult } from "./show.ts";

export const pull: Command = defineCommand({
  usage: "tracker pull",
  description: "Get items of the tracker, 100 at a time.",
  options: {
    limit: { type: "string", value: "N", help: "how many at most (default: 100)" },
    cursor: { type: "string", value: "CURSOR", help: "where to go on, from the result before" },
    filters: { type: "string", value: "JSON", help: "which ones: JSON, @FILE, or - for standard input" },
    ...routingOptions,
  },
  examples: [
    ["spec-kitty tracker pull --provider github --project my-project", "the first hundred"],
    [`spec-kitty tracker pull --provider github --project my-project --filters '{"state":"open"}'`, "the open ones"],
  ],
  async run({ app, out, signal }, values) {
    const call = {
      ...routing(values),
      ...limit(values.limit),
      ...(values.cursor !== undefined && { cursor: values.cursor }),
      ...(values.filters !== undefined && { filters: parseJsonObject("filters", await readInput("filters", values.filters, signal)) }),
    };
    showResult(out, await trackerClientOf(app).pull(call, { signal }), values.json);
  },
});
