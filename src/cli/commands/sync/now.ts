import { syncRuntimeOf } from "../../../app/sync-runtime.ts";
import type { DrainReport } from "../../../sync/drain.ts";
import type { Rejection } from "../../../sync/event-drain.ts";
import type { SyncNowAnswer } from "../../json-output.ts";
import { defineCommand, jsonOption, profileOption, type Command } from "../../command.ts";
import { writeNamedFile } from "../../input.ts";

export const now: Command = defineCommand({
  usage: "sync now",
  description: "Send everything that waits in the queue of who is logged in, oldest first. What the service does not take\nstays, and what it will never take is put aside with the reason, never deleted.",
  options: {
    report: { type: "string", value: "FILE", help: "write what was refused, and why, to a file as JSON" },
    strict: { type: "boolean", help: "exit 1 when anything was refused" },
    ...profileOption,
    ...jsonOption,
  },
  examples: [
    ["spec-kitty sync now", "send what waits"],
    ["spec-kitty sync now --strict --report refused.json", "for a pipeline that must know"],
  ],
  async run({ app, out, signal }, values) {
    const rejections: Rejection[] = [];
    const sync = syncRuntimeOf(app, { onNotice: (notice) => void (notice.kind === "rejected" && rejections.push(notice.rejection)) });
    const writeReport = async (): Promise<void> => {
      if (values.report !== undefined) await writeNamedFile(values.report, `${JSON.stringify({ rejections }, null, 2)}\n`, "--report names a file");
    };
    // Before anything is refused: a report that cannot be written would say it too late.
    await writeReport();
    const onProgress = ({ delivered, duplicates }: DrainReport["events"]): void => out.progress(`Sent ${delivered + duplicates} events …`);
    const report = await sync.flush({ signal, onProgress }).finally(writeReport);
    out.progress("");
    const { events, artifacts, left, failure } = report;
    const refused = events.rejected + artifacts.rejected;
    const answer: SyncNowAnswer = { events, artifacts, left, ...(failure && { stopped: { code: failure.code, message: failure.message } }) };
    if (values.json) out.json(answer);
    else out.done(`Sent ${events.delivered} events and ${artifacts.delivered} artifacts${details(events.duplicates, refused, left)}.`);
    if (!values.json) for (const { id, reason, dead } of rejections.slice(0, 10)) out.warn(`${id} was refused (${reason}) and ${dead ? "is put aside" : "waits to be tried again"}`);
    if (failure !== undefined) throw failure;
    return values.strict && refused > 0 ? 1 : 0;
  },
});

function details(duplicates: number, refused: number, left: number): string {
  const parts = [duplicates > 0 && `${duplicates} were there already`, refused > 0 && `${refused} were refused`, left > 0 && `${left} wait`];
  const said = parts.filter(Boolean).join(", ");
  return said && `; ${said}`;
}
