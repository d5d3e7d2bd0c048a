import { syncRuntimeOf } from "../../../app/sync-runtime.ts";
import type { DrainReport, Rejection } from "../../../sync/event-drain.ts";
import { defineCommand, jsonOption, profileOption, type Command } from "../../command.ts";
import { counted } from "../../../base/duration.ts";
import { writeNamedFile } from "../../input.ts";
import type { JsonOutput } from "../../json-output.ts";
import type { Printed } from "../../output.ts";

export const command: Command = defineCommand({
  usage: "sync now",
  description: "Send the queue, oldest first. Keep rejected events queued; set permanently rejected ones aside.",
  options: {
    report: { value: "FILE", choices: "files", help: "write rejections and reasons to FILE, as JSON" },
    strict: { help: "exit with code 1 on any rejection" },
    ...profileOption,
    ...jsonOption,
  },
  examples: [["sync now"], ["sync now --strict --report rejected.json"]],
  async run({ app, out, signal }, values) {
    const rejections: Rejection[] = [];
    const sync = syncRuntimeOf(app, {
      onNotice: (notice) => void (notice.kind === "rejected" && rejections.push(notice.rejection)),
    });
    const writeReport = async (): Promise<void> => {
      if (values.report !== undefined)
        await writeNamedFile(values.report, "report", `${JSON.stringify({ rejections }, null, 2)}\n`);
    };
    // First: an unwritable report would be noticed too late.
    await writeReport();
    const startedAt = app.clock.monotonic();
    const onProgress = (sent: Pick<DrainReport, "events" | "artifacts">): void => {
      const [events, artifacts] = [sent.events, sent.artifacts].map(
        ({ delivered, duplicates }) => delivered + duplicates,
      ) as [number, number];
      const perSecond = (1000 * (events + artifacts)) / Math.max(1, app.clock.monotonic() - startedAt);
      const both = `${counted(events, "event")}${artifacts > 0 ? ` and ${counted(artifacts, "artifact")}` : ""}`;
      out.progress(`Sent ${both}, ${perSecond < 10 ? perSecond.toFixed(1) : Math.round(perSecond)} per second …`);
    };
    const report = await sync.flush({ signal, onProgress }).finally(writeReport);
    out.progress("");
    const { events, artifacts, left, failure } = report;
    const refused = events.rejected + artifacts.rejected;
    if (values.json) {
      out.json<JsonOutput["sync now"]>(drainOutput(report));
    } else {
      const isSent = events.delivered + artifacts.delivered + events.duplicates + refused > 0;
      if (!isSent && left === 0 && failure === undefined) return out.answer("Nothing to send.");
      const sent = `Sent ${counted(events.delivered, "event")} and ${counted(artifacts.delivered, "artifact")}${details(events.duplicates, refused, left)}.`;
      if (failure === undefined) out.done(sent);
      // Failures get no tick, and what was sent before is still shown.
      else if (isSent) out.say(sent);
      for (const rejection of rejections.slice(0, 10)) out.warn(rejectionText(rejection));
    }
    if (failure !== undefined) throw failure;
    return values.strict && refused > 0 ? 1 : 0;
  },
});

export function drainOutput({ events, artifacts, left, failure }: DrainReport): Printed<JsonOutput["sync now"]> {
  return { events, artifacts, left, stopped: failure && { code: failure.code, message: failure.message } };
}

export function rejectionText({ id, category, reason, givenUp }: Rejection): string {
  const what = category === "damaged" ? "cannot read" : "the service rejected";
  return `${what} ${id} (${reason}): the queue ${givenUp ? "sets it aside" : "keeps it"}`;
}

function details(duplicates: number, refused: number, left: number): string {
  const parts = [
    duplicates > 0 && `${duplicates} already there`,
    refused > 0 && `${refused} rejected`,
    left > 0 && `${left} still queued`,
  ];
  const said = parts.filter(Boolean).join(", ");
  return said && `; ${said}`;
}
