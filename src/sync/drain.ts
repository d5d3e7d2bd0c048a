import { dirname } from "node:path";
import { AuthError } from "../base/errors.ts";
import type { Clock } from "../platform/clock.ts";
import type { ProcessLock } from "../platform/process-lock/holder.ts";
import { ensurePrivateFolder } from "../platform/private-file-changes.ts";
import { acquireProcessLock } from "../platform/process-lock/process-lock.ts";
import { drainArtifacts } from "./artifacts.ts";
import type { BatchLimits } from "./batch.ts";
import { drainEvents, type DrainReport, type Rejection } from "./event-drain.ts";
import type { Account, QueueScope, SyncQueue } from "./queue.ts";
import { type ServiceAccess, syncHealth } from "./service-request.ts";

interface DrainAccountOptions extends ServiceAccess {
  clock: Clock;
  waitMs: number;
  onRejected?: (rejection: Rejection) => void;
  onProgress?: ((sent: Pick<DrainReport, "events" | "artifacts">) => void) | undefined;
}

/** Also for the user's other teams, each its own. */
export async function drainAccount(
  queue: SyncQueue,
  account: Account,
  options: DrainAccountOptions,
): Promise<DrainReport> {
  const report = emptyReport();
  const scopes = queue.scopesOf(account).filter(({ events, artifacts }) => !events.isEmpty() || !artifacts.isEmpty());
  if (scopes.length === 0) return report;
  const { limits } = await syncHealth(options);
  for (const scope of scopes) {
    const failure = await drainScope(scope, limits, report, options);
    report.failure ??= failure;
    // A missing membership concerns one team; every other failure all.
    if (failure !== undefined && failure.code !== "access_denied") break;
  }
  report.left = scopes.reduce((sum, scope) => sum + waiting(scope), 0);
  return report;
}

/** Returns why it ended early. */
async function drainScope(
  scope: QueueScope,
  limits: BatchLimits,
  report: DrainReport,
  options: DrainAccountOptions,
): Promise<AuthError | undefined> {
  ensurePrivateFolder(dirname(scope.lock));
  let lock: ProcessLock | undefined;
  try {
    lock = await acquireProcessLock(scope.lock, {
      clock: options.clock,
      timeoutMs: options.waitMs,
      signal: options.signal,
    });
  } catch (error) {
    if (error instanceof AuthError && error.code === "lock_unavailable") return error;
    throw error;
  }
  try {
    for (const queue of [scope.events, scope.artifacts]) queue.removeAbandoned(options.clock.now());
    scope.events.closeOpenFiles();
    const shared = { ...options, limits, held: () => lock.held(), onProgress: () => options.onProgress?.(report) };
    return (
      (await drainEvents(scope, { ...shared, counts: report.events })) ??
      (await drainArtifacts(scope, { ...shared, counts: report.artifacts }))
    );
  } finally {
    lock.release();
  }
}

export function waiting({ events, artifacts }: QueueScope): number {
  return events.count() + artifacts.count();
}

export function emptyReport(): DrainReport {
  const counts = (): DrainReport["events"] => ({ delivered: 0, duplicates: 0, pending: 0, rejected: 0 });
  return { events: counts(), artifacts: counts(), left: 0, failure: undefined };
}
