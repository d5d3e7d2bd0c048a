import { trackerClientOf } from "../../../app/tracker-client.ts";
import { defineCommand, type Command } from "../../command.ts";
import { limit, routing, routingOptions } from "./options.ts";
import { idempotencyOption, writeOptions } from "./push.ts";
import { showResult } from "./show.ts";

export const trackerRun: Command = defineCommand({
  usage: "tracker run",
  description: "Exchange everything with the tracker: first get, then send. Waits until it is done, five minutes at most.",
  options: {
    "no-pull": { type: "boolean", help: "only send" },
    limit: { type: "string", value: "N", help: "how many items at most (default: 100)" },
    ...idempotencyOption,
    ...routingOptions,
  },
  examples: [
    ["spec-kitty tracker run --provider github --project my-project", "both ways"],
    ["spec-kitty tracker run --provider github --project my-project --no-pull", "only send"],
  ],
  async run({ app, out, signal }, values) {
    const call = { ...routing(values), pullFirst: !values["no-pull"], ...limit(values.limit) };
    showResult(out, await trackerClientOf(app).run(call, writeOptions(values["idempotency-key"], signal)), values.json);
  },
});
