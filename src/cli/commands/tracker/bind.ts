import { trackerClientOf } from "../../../app/tracker-client.ts";
import { defineCommand, type Command } from "../../command.ts";
import { projectIdentity, provider, routingOptions } from "./options.ts";
import { idempotencyOption, writeOptions } from "./push.ts";
import { showResult } from "./show.ts";

export const bind: Command = defineCommand({
  usage: "tracker bind",
  description:
    "Bind a project to a board of the tracker. Without more, lists what it could be bound to; with --candidate, binds\nit to one of those; with --binding, says whether that binding is still good.",
  options: {
    candidate: { type: "string", value: "TOKEN", help: "the candidate_token of the one to bind to" },
    identity: { type: "string", value: "JSON", help: "what else says who the project is: JSON, @FILE, or - for standard input" },
    ...idempotencyOption,
    ...routingOptions,
  },
  examples: [
    ["spec-kitty tracker bind --provider linear --project my-project", "what could it be bound to"],
    ["spec-kitty tracker bind --provider linear --project my-project --candidate cand_1", "bind it"],
  ],
  async run({ app, out, signal }, values) {
    const call = { provider: provider(values), projectIdentity: await projectIdentity(values, signal) };
    const tracker = trackerClientOf(app);
    const { candidate, binding } = values;
    const result =
      candidate !== undefined
        ? await tracker.bindConfirm({ ...call, candidateToken: candidate }, writeOptions(values["idempotency-key"], signal))
        : binding !== undefined
          ? await tracker.bindValidate({ ...call, bindingRef: binding }, { signal })
          : await tracker.bindResolve(call, { signal });
    showResult(out, result, values.json);
  },
});
