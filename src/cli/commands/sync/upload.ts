import { basename } from "node:path";
import { syncRuntimeOf } from "../../../app/sync-runtime.ts";
import { hint } from "../../../base/errors.ts";
import { mostArtifactBytes } from "../../../sync/artifacts.ts";
import { defineCommand, jsonOption, profileOption, usageError, type Command } from "../../command.ts";
import { counted } from "../../../base/duration.ts";
import { readNamedFile } from "../../input.ts";
import type { JsonOutput } from "../../json-output.ts";

export const command: Command = defineCommand({
  usage: "sync upload FILE…",
  description: 'Queue artifacts (.md .json .yaml .yml .csv, 524,288 bytes at most) for the next "sync now".',
  options: {
    project: { value: "UUID", help: "project; required" },
    mission: { value: "SLUG", help: "mission; required" },
    branch: { value: "NAME", help: "branch (default: main)" },
    "mission-type": { value: "TYPE", help: "mission type (default: software-dev)" },
    "manifest-version": { value: "VERSION", help: "manifest version (default: 1)" },
    as: { value: "PATH", help: "path in the mission, for a single file" },
    ...profileOption,
    ...jsonOption,
  },
  choices: "files",
  examples: [
    ["sync upload spec.md --project 6b0ed5a2-2a4c-4d83-9c3a-b5f0d4f7a111 --mission login"],
    ["sync upload plan.md tasks.md --project 6b0ed5a2-2a4c-4d83-9c3a-b5f0d4f7a111 --mission login"],
  ],
  async run({ app, out }, values, paths) {
    const { project, mission } = values;
    if (project === undefined || mission === undefined) {
      throw usageError("--project and --mission are required", hint`See: ${{ command: "sync upload --help" }}`);
    }
    if (values.as !== undefined && paths.length > 1)
      throw usageError("--as is for a single file", "Upload them one by one");
    const sync = syncRuntimeOf(app);
    for (const path of paths) {
      const content = readNamedFile(path, "", mostArtifactBytes);
      await sync.upload({
        project_uuid: project,
        mission_slug: mission,
        target_branch: values.branch ?? "main",
        mission_type: values["mission-type"] ?? "software-dev",
        manifest_version: values["manifest-version"] ?? "1",
        artifact_path: values.as ?? basename(path),
        content,
      });
    }
    if (values.json) out.json<JsonOutput["sync upload"]>({ queued: paths.length });
    else out.done(`Queued ${counted(paths.length, "artifact")}.`);
  },
});
