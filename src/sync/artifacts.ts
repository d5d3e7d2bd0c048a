import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import { extname } from "node:path";
import { AuthError, isTransient } from "../base/errors.ts";
import { isTransientStatus } from "../http/retry.ts";
import type { DrainOptions } from "./event-drain.ts";
import { queueEntry } from "./queue-file.ts";
import type { QueueItem } from "./queue-folder.ts";
import type { QueueScope } from "./queue.ts";
import { drainFailure, requestService, serviceText, type ServiceAnswer } from "./service-request.ts";

const path = "/api/dossier/push-content/";
const timeoutMs = 30_000;
/** @internal */
export const mostArtifactBytes: number = 524_288;
/** Then the artifact is given up. */
const maxRetries = 20;
const maxDelaySeconds = 300;
const extensions = [".md", ".json", ".yaml", ".yml", ".csv"];

/** Input of {@link SyncRuntime.upload}. */
export interface ArtifactInput {
  project_uuid: string;
  mission_slug: string;
  target_branch: string;
  mission_type: string;
  manifest_version: string;
  /** Within the mission, separated by `/`. */
  artifact_path: string;
  /** UTF-8, at most 524,288 bytes. */
  content: Uint8Array;
}

/**
 * Checked while the caller can still fix it.
 * @internal
 */
export function artifactItem({ content, ...about }: ArtifactInput, id: string, now: number): QueueItem {
  const name = about.artifact_path;
  const refuse = (what: string, hint: string): AuthError =>
    new AuthError("usage_invalid", `"${name}" ${what}`, { hint });
  if (!extensions.includes(extname(name)))
    throw refuse("has no known extension", `Use one of: ${extensions.join(", ")}`);
  if (content.length > mostArtifactBytes)
    throw refuse(`is ${content.length} bytes long`, `Upload at most ${mostArtifactBytes} bytes`);
  if (!isUtf8(content)) throw refuse("is not valid UTF-8", "Save it as UTF-8 and upload it again");
  const content_hash = createHash("sha256").update(content).digest("hex");
  // The service compares hashes of the bytes, a byte order mark included.
  const content_body = new TextDecoder("utf-8", { ignoreBOM: true }).decode(content);
  const request = { ...about, content_hash, hash_algorithm: "sha256", content_body };
  return { order: now, id, text: JSON.stringify(request) };
}

/**
 * One at a time; the caller holds the scope's lock. The position in the queue is the time of the next try, so that an
 * artifact that has to wait does not block the others.
 *
 * @returns why it ended early
 * @internal
 */
export async function drainArtifacts(scope: QueueScope, options: DrainOptions): Promise<AuthError | undefined> {
  const { artifacts: queue } = scope;
  const { clock, counts } = options;
  const start = clock.now();
  for (const name of queue.names()) {
    const entry = queueEntry(name);
    if (entry === undefined || entry.order > start) continue;
    const [text] = queue.read(name);
    if (text === undefined) continue;
    if (!options.held()) return undefined;

    const verdict = await upload(text, options);
    if (verdict.kind === "stop") return verdict.failure;
    if (verdict.kind === "stored") {
      await queue.remove([name]);
      counts.delivered++;
    } else {
      const givenUp = verdict.kind === "refused" || entry.retries >= maxRetries;
      if (givenUp) queue.giveUp(entry, verdict.reason);
      else
        queue.retry(
          entry,
          clock.now() + retryDelayMs(entry.retries + 1, verdict.kind === "later" ? verdict.retryAfterMs : undefined),
        );
      counts.rejected++;
      options.onRejected?.({ id: entry.id, category: undefined, reason: verdict.reason, givenUp });
    }
    options.onProgress?.();
    if (verdict.kind === "later" && verdict.failure) return verdict.failure;
  }
  return undefined;
}

type UploadVerdict =
  | { kind: "stored" }
  | { kind: "refused"; reason: string }
  /** With a failure, so are the others. */
  | { kind: "later"; reason: string; retryAfterMs?: number | undefined; failure?: AuthError }
  /** Neither the artifact's fault nor the service's. */
  | { kind: "stop"; failure: AuthError };

async function upload(text: string, options: DrainOptions): Promise<UploadVerdict> {
  try {
    return judgeUpload(
      await requestService(
        path,
        { method: "POST", headers: { "content-type": "application/json" }, body: text },
        options,
        timeoutMs,
      ),
    );
  } catch (error) {
    if (!(error instanceof AuthError)) throw error;
    // A held lock is no refusal of this artifact.
    if (error.code === "lock_unavailable" || !isTransient(error)) return { kind: "stop", failure: error };
    return { kind: "later", reason: error.message, failure: error };
  }
}

function judgeUpload({ status, body, retryAfterMs }: ServiceAnswer): UploadVerdict {
  const code = serviceText(body?.["error"]) ?? serviceText(body?.["code"]);
  const reason = `the service returned ${status}${code ? ` "${code}"` : ""} to the upload`;
  if (status >= 200 && status < 300) return { kind: "stored" };
  const failure = drainFailure(status, retryAfterMs, "an artifact");
  if (status === 401) return { kind: "stop", failure };
  // The service may get what the upload needs.
  if ((status === 404 && code !== "namespace_not_found") || status === 501) return { kind: "later", reason };
  return isTransientStatus(status) ? { kind: "later", reason, retryAfterMs, failure } : { kind: "refused", reason };
}

/** min(2^n, 300) seconds, or what the service asked for if longer; in milliseconds. */
function retryDelayMs(retries: number, retryAfterMs: number = 0): number {
  return Math.max(Math.min(2 ** retries, maxDelaySeconds) * 1000, retryAfterMs);
}
