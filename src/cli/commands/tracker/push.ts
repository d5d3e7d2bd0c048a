import { trackerClientOf } from "../../../app/tracker-client.ts";
import { defineCommand, type Command, type OptionSpec } from "../../command.ts";
import { parseJsonArray, readInput } from "../../input.ts";
import { usageError } from "../../usage.ts";
import { routing, routingOptions } from "./options.ts";
import { showResult } from "./show.ts";

/** Sent again when a command whose outcome is unknown is run again, so that the work is done once. */
export const idempotencyOption: { readonly "idempotency-key": OptionSpec & { readonly type: "string" } } = {
  "idempotency-key": { type: "string", value: "UUID", help: "the one of an earlier try, to be done once in all" },
};

/** What a call that changes something takes from the command line. */
export function writeOptions(key: string | undefined, signal: AbortSignal): { signal: AbortSignal; idempotencyKey?: string } {
  if (key !== undefined && !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(key)) throw usageError(`--idempotency-key is "${key}", which is not a UUID`, "Leave it out: a new one is made");
  return { signal, ...(key !== undefined && { idempotencyKey: key }) };
}

export const push: Command = defineCommand({
  usage: "tracker push",
  description: "Send items to the tracker.",
  options: { items: { type: "string", short: "d", value: "JSON", help: "a JSON array: as it is, @FILE, or - for standard input" }, ...idempotencyOption, ...routingOptions },
  examples: [
    [`spec-kitty tracker push --provider github --project my-project --items '[{"id":"WP01","title":"Login"}]'`, "one item"],
    ["spec-kitty tracker push --provider github --project my-project --items @items.json", "from a file"],
  ],
  async run({ app, out, signal }, values) {
    if (values.items === undefined) throw usageError("--items is missing: what to send", `Try: --items '[{"id":"WP01"}]'`);
    const items = parseJsonArray("items", await readInput("items", values.items, signal));
    showResult(out, await trackerClientOf(app).push({ ...routing(values), items }, writeOptions(values["idempotency-key"], signal)), values.json);
  },
});
