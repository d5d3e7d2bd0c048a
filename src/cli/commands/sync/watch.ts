import { createLive, runtimeWebSocket } from "../../../app-live.ts";
import { restartWith } from "../../../platform/restart.ts";
import type { LiveMessage } from "../../../sync/client.ts";
import { defineCommand, jsonOption, profileOption, type Command } from "../../command.ts";

export const watch: Command = defineCommand({
  usage: "sync watch",
  description: "Print what happens in the default team, as it happens, until Ctrl-C. A connection that is lost is made again.",
  options: { ...profileOption, json: { ...jsonOption.json, help: "print one JSON object a line" } },
  examples: [
    ["spec-kitty sync watch", "look on"],
    ["spec-kitty sync watch --json | jq .event_type", "for a program"],
  ],
  async run({ app, out, signal }, values) {
    // Node 20 has a WebSocket behind a flag, and prints a warning about it that is no concern of the user's.
    if (runtimeWebSocket() === undefined) return restartWith(["--experimental-websocket", "--disable-warning=ExperimentalWarning"], signal);
    const show = (message: LiveMessage): void => {
      if (message.kind === "state") {
        const why = message.reason === undefined ? "" : ` (${message.reason.message})`;
        if (message.state === "Connected") out.say("Connected.");
        else if (message.state === "Reconnecting") out.say(`Reconnecting …${why}`);
        else if (message.state === "OfflineBatchMode") out.warn(`no connection for a while${why}; what is emitted goes in batches, and this goes on trying`);
      }
      if (message.kind === "snapshot") {
        if (values.json) out.jsonLine({ type: "snapshot", work_packages: message.workPackages });
        else out.say(`${message.workPackages.length} work packages.`);
      }
      if (message.kind === "event") {
        if (values.json) out.jsonLine(message.event);
        else out.answer(summary(message.event));
      }
    };
    await createLive(app, { onMessage: show }).run(signal);
    signal.throwIfAborted();
    return 0;
  },
});

/** An event in a line: when, what, about what, and its data. */
function summary(event: Readonly<Record<string, unknown>>): string {
  const { timestamp, event_type: type, aggregate_id: about, payload } = event;
  return [timestamp, type, about, payload === undefined ? undefined : JSON.stringify(payload)].filter((part) => part !== undefined).map(String).join("  ");
}
