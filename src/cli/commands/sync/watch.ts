import { liveClientOf, runtimeWebSocket } from "../../../app/live-client.ts";
import { restartWith, starterSignal } from "../../../platform/restart.ts";
import { oneLine } from "../../../base/text.ts";
import type { LiveMessage } from "../../../sync/live-message.ts";
import { defineCommand, jsonOption, profileOption, type Command } from "../../command.ts";
import { counted } from "../../../base/duration.ts";
import type { JsonOutput } from "../../json-output.ts";

export const command: Command = defineCommand({
  usage: "sync watch",
  description: "Print the events of the default team as they happen, until Ctrl-C.",
  options: { ...profileOption, json: { ...jsonOption.json, help: "print one JSON object per line" } },
  examples: [["sync watch"], ["sync watch --json | jq .event_type"]],
  async run({ app, out, signal }, values) {
    // Node 20 has a WebSocket behind a flag, with a warning that is not for users.
    if (runtimeWebSocket() === undefined)
      return restartWith(["--experimental-websocket", "--disable-warning=ExperimentalWarning"], signal);
    const show = (message: LiveMessage): void => {
      if (message.kind === "state") {
        const why = message.reason === undefined ? "" : ` (${oneLine(message.reason.message)})`;
        if (message.state === "Connected") out.say("Connected.");
        else if (message.state === "Reconnecting") out.say(`Reconnecting …${why}`);
        else if (message.state === "OfflineBatchMode")
          out.warn(`no connection${why}: no events arrive; still trying to connect`);
      }
      if (message.kind === "snapshot") {
        if (values.json)
          out.jsonLine<JsonOutput["sync watch"]>({ type: "snapshot", work_packages: message.workPackages });
        else out.say(`${counted(message.workPackages.length, "work package")}.`);
      }
      if (message.kind === "event") {
        if (values.json) out.jsonLine<JsonOutput["sync watch"]>({ ...message.event, type: "event" });
        else out.answer(summary(message.event));
      }
    };
    const end = AbortSignal.any([signal, starterSignal()]);
    await liveClientOf(app, { onMessage: show }).run(end);
    end.throwIfAborted();
    return 0;
  },
});

/** Time, type, subject and data on one line; the whole event if it has none of these. */
function summary(event: Readonly<Record<string, unknown>>): string {
  const { timestamp, event_type: type, aggregate_id: about, payload } = event;
  const parts = [timestamp, type, about, payload].filter((part) => part !== undefined);
  return (parts.length > 0 ? parts : [event])
    .map((part) => (typeof part === "string" ? oneLine(part) : JSON.stringify(part)))
    .join("  ");
}
