import { isObject } from "./http.ts";

const AGGREGATES = ["WorkPackage", "Mission", "MissionDossier", "Build"];
const UUID = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

const isText = (value: unknown): boolean => typeof value === "string" && value !== "";
const isTextOrNull = (value: unknown): boolean => value === null || isText(value);

/** All are required. */
const MEMBERS: Record<string, (value: unknown) => boolean> = {
  event_id: (value) => typeof value === "string" && /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(value),
  event_type: isText,
  aggregate_id: isText,
  aggregate_type: (value) => AGGREGATES.includes(String(value)),
  schema_version: (value) => value === "3.0.0",
  build_id: (value) => value === "" || (typeof value === "string" && UUID.test(value)),
  payload: isObject,
  node_id: (value) => typeof value === "string" && /^[0-9a-f]{12}$/.test(value),
  lamport_clock: (value) => Number.isSafeInteger(value) && Number(value) >= 0,
  causation_id: isTextOrNull,
  timestamp: (value) => typeof value === "string" && /^\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)$/.test(value),
  team_slug: isTextOrNull,
  project_uuid: isTextOrNull,
  project_slug: isTextOrNull,
  git_branch: isTextOrNull,
  head_commit_sha: isTextOrNull,
  repo_slug: isTextOrNull,
};

/** Undefined for a valid envelope. */
export function envelopeDefect(event: Record<string, unknown>): string | undefined {
  for (const name of ["feature_slug", "feature_number"]) if (name in event) return `${name} is forbidden`;
  for (const [name, fits] of Object.entries(MEMBERS)) {
    if (!(name in event)) return `${name} is missing`;
    if (!fits(event[name])) return `${name} is not valid`;
  }
  return undefined;
}
