import { syncRuntimeOf } from "../../../app/sync-runtime.ts";
import type { EmitAnswer } from "../../json-output.ts";
import { defineCommand, jsonOption, profileOption, type Command } from "../../command.ts";
import { parseJsonObject, readInput } from "../../input.ts";
import { usageError } from "../../usage.ts";

export const emit: Command = defineCommand({
  usage: "sync emit TYPE",
  description: "Queue an event. It is on disk when this returns, and goes out with the next \"sync now\", whoever runs it.\nWorks without a network and before anybody has logged in.",
  options: {
    aggregate: { type: "string", value: "ID", help: "what the event is about, such as WP01" },
    "aggregate-type": { type: "string", value: "TYPE", help: "WorkPackage, Mission, MissionDossier or Build (default: what the event's type says)" },
    payload: { type: "string", short: "d", value: "JSON", help: "the event's own data: JSON, @FILE, or - for standard input" },
    "build-id": { type: "string", value: "UUID", help: "the build that it belongs to" },
    "caused-by": { type: "string", value: "ID", help: "the event that led to it" },
    "project-uuid": { type: "string", value: "UUID", help: "the project that it belongs to" },
    "project-slug": { type: "string", value: "SLUG", help: "the project's short name" },
    branch: { type: "string", value: "NAME", help: "the git branch" },
    commit: { type: "string", value: "SHA", help: "the git commit" },
    repo: { type: "string", value: "SLUG", help: "the git repository" },
    ...profileOption,
    ...jsonOption,
  },
  arguments: [1, 1],
  examples: [
    [`spec-kitty sync emit WPStatusChanged --aggregate WP01 --payload '{"wp_id":"WP01","from_lane":"planned","to_lane":"claimed"}'`, "a work package moves"],
    ["spec-kitty sync emit WPCreated --aggregate WP02 --payload @wp02.json", "with its data from a file"],
  ],
  async run({ app, out, signal }, values, [type = ""]) {
    if (values.aggregate === undefined) throw usageError("--aggregate is missing: what the event is about", "Try: --aggregate WP01");
    if (values.payload === undefined) throw usageError("--payload is missing: the event's own data", `Try: --payload '{"wp_id":"WP01"}'`);
    const payload = parseJsonObject("payload", await readInput("payload", values.payload, signal));
    const report = await syncRuntimeOf(app).emit({
      event_type: type,
      aggregate_id: values.aggregate,
      payload,
      ...(values["aggregate-type"] !== undefined && { aggregate_type: values["aggregate-type"] }),
      ...(values["build-id"] !== undefined && { build_id: values["build-id"] }),
      ...(values["caused-by"] !== undefined && { causation_id: values["caused-by"] }),
      project_uuid: values["project-uuid"] ?? null,
      project_slug: values["project-slug"] ?? null,
      git_branch: values.branch ?? null,
      head_commit_sha: values.commit ?? null,
      repo_slug: values.repo ?? null,
    });
    if (report.outcome === "failed") throw report.error;
    if (report.outcome === "refused") throw usageError(`this is not an event that the service takes: ${report.problems.join("; ")}`, "See: spec-kitty sync emit --help");
    const answer: EmitAnswer = { queued: true, eventId: report.event.event_id };
    if (values.json) out.json(answer);
    else out.done(`Queued ${report.event.event_type} ${report.event.event_id}.`);
  },
});
