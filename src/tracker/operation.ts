import { retryDelay } from "../http/retry.ts";
import { AuthError, isTransient } from "../base/errors.ts";
import { isJsonObject } from "../http/json-members.ts";
import { trackerRequest, type TrackerAccess, type TrackerResult } from "./request.ts";
import { trackerError } from "./errors.ts";

/** How an operation is waited for. */
export interface OperationAccess extends TrackerAccess {
  /** From 0 to 1, for jitter. */
  random: () => number;
}

const limitMs = 300_000;
const longestPauseMs = 30_000;

/**
 * Waits for an operation that the service does by and by: asks after 1, 2, 4 … 30 s, each shortened by up to a half, and gives
 * up after 300 s. A poll that fails for a while ends nothing, since the work goes on without it.
 *
 * @param id - `operation_id` of a 202
 * @returns the operation's result
 * @throws {@link TrackerError} when it failed; {@link AuthError} `timed_out` after 300 s, `service_answer_invalid` for an id that is none
 */
export async function finishedOperation(id: unknown, access: OperationAccess, signal?: AbortSignal): Promise<TrackerResult> {
  const { clock, random } = access;
  // It becomes a part of a path, and must not lead to another one.
  if (typeof id !== "string" || !/^[\w-][\w.:-]{0,199}$/.test(id)) {
    throw new AuthError("service_answer_invalid", 'the tracker answered 202 without a usable "operation_id"', { hint: "Tell whoever runs the service" });
  }
  const startedAt = clock.monotonic();
  let problem: unknown;
  for (let attempt = 1; ; attempt += 1) {
    const pauseMs = Math.min(longestPauseMs, retryDelay({ attempt, random: random() }));
    if (clock.monotonic() - startedAt + pauseMs > limitMs) {
      throw new AuthError("timed_out", `operation "${id}" was not done after ${limitMs / 1000} s`, {
        hint: "It may still end. See: spec-kitty tracker status --provider PROVIDER",
        cause: problem,
      });
    }
    await clock.sleep(pauseMs, { signal });
    const operation = await trackerRequest({ method: "GET", path: `operations/${id}/`, signal }, access).then(
      ({ result }) => result,
      (error: unknown) => {
        if (!isTransient(error)) throw error;
        problem = error;
        return {};
      },
    );
    const { status, result, error }: TrackerResult = operation;
    if (status === "completed") return isJsonObject(result) ? result : operation;
    if (status === "failed") throw trackerError(200, isJsonObject(error) ? error : { message: typeof error === "string" ? error : `operation "${id}" failed` });
  }
}
