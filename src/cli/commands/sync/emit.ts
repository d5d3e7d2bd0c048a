import { syncRuntimeOf } from "../../../app/sync-runtime.ts";
import { aggregateTypes, eventTypes, type EventInput } from "../../../sync/events.ts";
import { defineCommand, jsonOption, profileOption, usageError, type Command } from "../../command.ts";
import { readJsonObject } from "../../input.ts";
import type { JsonOutput } from "../../json-output.ts";

export const command: Command = defineCommand({
  usage: "sync emit TYPE",
  description: 'Queue an event for the next "sync now", even without a network or a login.',
  options: {
    aggregate: { value: "ID", help: "subject of the event, such as WP01; required" },
    "aggregate-type": { value: "TYPE", choices: aggregateTypes, help: "kind of the subject (default: from TYPE)" },
    payload: { short: "d", value: "JSON", help: "JSON, @FILE, or @- for stdin; required" },
    "build-id": { value: "UUID", help: "ID of the build" },
    "caused-by": { value: "ID", help: "ID of the causing event" },
    "project-uuid": { value: "UUID", help: "ID of the project" },
    "project-slug": { value: "SLUG", help: "short name of the project" },
    branch: { value: "NAME", help: "git branch" },
    commit: { value: "SHA", help: "git commit" },
    repo: { value: "SLUG", help: "git repository" },
    ...profileOption,
    ...jsonOption,
  },
  choices: eventTypes,
  examples: [
    [
      `sync emit WPStatusChanged --aggregate WP01 --payload '{"wp_id":"WP01","from_lane":"planned","to_lane":"claimed"}'`,
    ],
    ["sync emit WPCreated --aggregate WP02 --payload @wp02.json"],
  ],
  async run({ app, out, ...input }, values, [type = ""]) {
    if (values.aggregate === undefined)
      throw usageError("--aggregate is required: the subject of the event", "Try: --aggregate WP01");
    if (values.payload === undefined)
      throw usageError("--payload is required: the data of the event", `Try: --payload '{"wp_id":"WP01"}'`);
    const report = await syncRuntimeOf(app).emit({
      event_type: type,
      aggregate_id: values.aggregate,
      payload: await readJsonObject("payload", values.payload, input),
      ...given({
        aggregate_type: values["aggregate-type"],
        build_id: values["build-id"],
        causation_id: values["caused-by"],
        project_uuid: values["project-uuid"],
        project_slug: values["project-slug"],
        git_branch: values.branch,
        head_commit_sha: values.commit,
        repo_slug: values.repo,
      }),
    });
    if (report.outcome === "failed") throw report.error;
    if (report.outcome === "refused") {
      throw usageError(
        `the event is not valid: ${report.problems.join("; ")}`,
        "Fix the event, then run the command again",
      );
    }
    if (values.json) out.json<JsonOutput["sync emit"]>({ queued: true, eventId: report.event.event_id });
    else out.done(`Queued ${report.event.event_type} ${report.event.event_id}.`);
  },
});

/** What the user did not give is no member of an event. */
function given(members: { [Name in keyof EventInput]?: EventInput[Name] | undefined }): Partial<EventInput> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}
