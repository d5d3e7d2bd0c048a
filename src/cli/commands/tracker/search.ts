import { trackerClientOf } from "../../../app/tracker-client.ts";
import { defineCommand, type Command } from "../../command.ts";
import { limit, routing, routingOptions } from "./options.ts";
import { showResult } from "./show.ts";

export const search: Command = defineCommand({
  usage: "tracker search [TEXT]",
  description: "Find issues by their text or their key.",
  options: {
    key: { type: "string", value: "KEY", help: "the issue's key, such as ENG-12" },
    limit: { type: "string", value: "N", help: "how many at most (default: 20)" },
    ...routingOptions,
  },
  arguments: [0, 1],
  examples: [
    ["spec-kitty tracker search login --provider linear", "by text"],
    ["spec-kitty tracker search --key ENG-12 --provider linear", "by key"],
  ],
  async run({ app, out, signal }, values, [text]) {
    const call = { ...routing(values), ...limit(values.limit), ...(text !== undefined && { queryText: text }), ...(values.key !== undefined && { queryKey: values.key }) };
    showResult(out, await trackerClientOf(app).searchIssues(call, { signal }), values.json);
  },
});
