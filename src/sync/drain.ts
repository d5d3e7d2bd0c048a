import { AuthError } from "../base/errors.ts";
import { acquireProcessLock } from "../platform/process-lock/process-lock.ts";
import { type DrainCounts, drainEvents, type Rejection } from "./event-drain.ts";
import { drainArtifacts } from "./artifacts.ts";
import { syncHealth } from "./health.ts";
import type { Account, QueueScope, SyncQueue } from "./queue.ts";
import type { ServiceAccess } from "./service-request.ts";

/** What a drain of everything that an account may send did. */
export interface DrainReport {
  /** What became of the events. */
  events: DrainCounts;
  /** What became of the artifacts. */
  artifacts: DrainCounts;
  /** How many entries, of events and artifacts, still wait for this account. */
  left: number;
  /** Why it ended early; undefined when it went along the whole queue. What it did not reach waits untouched. */
  failure: AuthError | undefined;
}

/** What {@link drainAccount} needs. @internal */
export interface DrainAccountOptions extends ServiceAccess {
  /** How long to wait for another process that drains the same queue, in milliseconds. */
  waitMs: number;
  onRejected?: (rejection: Rejection) => void;
  /** Told the counts of delivered events so far. */
  onProgress?: (events: Readonly<DrainCounts>) => void;
}

/**
 * Sends everything that waits for an account: its events and artifacts, also those of its other teams, each to its team.
 *
 * @param account - who is logged in
 * @throws the signal's reason, and {@link AuthError} when the queue cannot be read or written
 * @internal
 */
export async function drainAccount(queue: SyncQueue, account: Account, options: DrainAccountOptions): Promise<DrainReport> {
  const report: DrainReport = { events: noCounts(), artifacts: noCounts(), left: 0, failure: undefined };
  const scopes = queue.scopesOf(account).filter(({ events, artifacts }) => !events.isEmpty() || !artifacts.isEmpty());
  if (scopes.length > 0) {
    const { limits } = await syncHealth(options);
    for (const scope of scopes) {
      const failure = await drainScope(scope);
      report.failure ??= failure;
      // What one team's membership does not allow, another's may; everything else is the same for all of them.
      if (failure !== undefined && failure.code !== "access_denied") break;
    }
    report.left = scopes.reduce((sum, scope) => sum + waiting(scope), 0);

    async function drainScope(scope: QueueScope): Promise<AuthError | undefined> {
      let lock;
      try {
        lock = await acquireProcessLock(scope.lock, { clock: options.clock, timeoutMs: options.waitMs, signal: options.signal });
      } catch (error) {
        if (error instanceof AuthError && error.code === "lock_unavailable") return error;
        throw error;
      }
      try {
        scope.events.sweep();
        scope.events.seal();
        scope.artifacts.sweep();
        const shared = { ...options, limits, held: () => lock.held() };
        const onProgress = (): void => options.onProgress?.(report.events);
        return (
          (await drainEvents(scope, { ...shared, counts: report.events, onProgress })) ??
          (await drainArtifacts(scope, { ...shared, counts: report.artifacts, onProgress: undefined }))
        );
      } finally {
        lock.release();
      }
    }
  }
  return report;
}

/** How much waits in a scope. @internal */
export function waiting(scope: QueueScope): number {
  return scope.events.count() + scope.artifacts.count();
}

function noCounts(): DrainCounts {
  return { delivered: 0, duplicates: 0, pending: 0, rejected: 0 };
}
