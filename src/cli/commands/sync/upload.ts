import { basename } from "node:path";
import { syncRuntimeOf } from "../../../app/sync-runtime.ts";
import type { UploadAnswer } from "../../json-output.ts";
import { defineCommand, jsonOption, profileOption, type Command } from "../../command.ts";
import { readNamedFile } from "../../input.ts";
import { usageError } from "../../usage.ts";

export const upload: Command = defineCommand({
  usage: "sync upload FILE…",
  description: "Queue artifacts (.md .json .yaml .yml .csv, 524,288 bytes at most). They go out with the next \"sync now\".",
  options: {
    project: { type: "string", value: "UUID", help: "the project" },
    mission: { type: "string", value: "SLUG", help: "the mission" },
    branch: { type: "string", value: "NAME", help: "the branch that the mission is for (default: main)" },
    "mission-type": { type: "string", value: "TYPE", help: "the mission's type (default: software-dev)" },
    "manifest-version": { type: "string", value: "VERSION", help: "of the mission's manifest (default: 1)" },
    as: { type: "string", value: "PATH", help: "the path within the mission, for one file (default: the file's name)" },
    ...profileOption,
    ...jsonOption,
  },
  arguments: [1, 1000],
  examples: [
    ["spec-kitty sync upload spec.md --project 6b0ed5a2-2a4c-4d83-9c3a-b5f0d4f7a111 --mission login", "one file"],
    ["spec-kitty sync upload plan.md tasks.md --project 6b0ed5a2-2a4c-4d83-9c3a-b5f0d4f7a111 --mission login", "several"],
  ],
  async run({ app, out }, values, paths) {
    const { project, mission } = values;
    if (project === undefined || mission === undefined) throw usageError("--project and --mission say where the artifacts belong, and one is missing", "See: spec-kitty sync upload --help");
    if (values.as !== undefined && paths.length > 1) throw usageError("--as names one path, and several files came", "Upload them one by one");
    const sync = syncRuntimeOf(app);
    for (const path of paths) {
      const content = await readNamedFile(path, "this is a file");
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
    const answer: UploadAnswer = { queued: paths.length };
    if (values.json) out.json(answer);
    else out.done(`Queued ${paths.length} artifact${paths.length === 1 ? "" : "s"}.`);
  },
});
