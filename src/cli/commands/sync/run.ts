import { syncRuntimeOf } from "../../../app/sync-runtime.ts";
import type { SyncNotice } from "../../../sync/runtime.ts";
import { defineCommand, jsonOption, profileOption, type Command } from "../../command.ts";
import type { JsonOutput } from "../../json-output.ts";
import { aborted, warnOfUnsaved } from "../../until-stopped.ts";
import { drainOutput, rejectionText } from "./now.ts";

export const command: Command = defineCommand({
  usage: "sync run",
  description: "Keep sending the queue, in the foreground, until Ctrl-C.",
  options: {
    interval: { range: [1, 86_400], value: "SECONDS", help: "time between checks of the queue (default: 60)" },
    ...profileOption,
    json: { ...jsonOption.json, help: "print one JSON object per line" },
  },
  examples: [["sync run"], ["sync run --interval 5"]],
  async run({ app, out, signal }, values) {
    const intervalMs = 1000 * (values.interval ?? 60);
    const tell = (notice: SyncNotice): void => {
      if (values.json) {
        if (notice.kind === "rejected") {
          const { id, reason, givenUp } = notice.rejection;
          out.jsonLine<JsonOutput["sync run"]>({ type: "rejected", id, reason, givenUp });
        }
        if (notice.kind === "drained")
          out.jsonLine<JsonOutput["sync run"]>({ type: "sent", ...drainOutput(notice.report) });
        return;
      }
      if (notice.kind === "rejected") out.warn(rejectionText(notice.rejection));
      if (notice.kind !== "drained") return;
      const { events, artifacts, failure, left } = notice.report;
      const sent = events.delivered + events.duplicates + artifacts.delivered;
      if (sent > 0) out.say(`Sent ${sent}; ${left} still queued.`);
      if (failure) out.warn(failure.message);
    };
    const sync = syncRuntimeOf(app, { intervalMs, keepAlive: true, onNotice: tell });
    warnOfUnsaved({ app, out });
    sync.start();
    out.say("Sending the queue. Press Ctrl-C to stop.");
    try {
      // A token from elsewhere is replaced on demand, or cannot be.
      if (app.tokenSource === undefined) await app.tokens().keepFresh({ signal });
      await aborted(signal);
    } finally {
      await sync.stop();
    }
    return 130;
  },
});
