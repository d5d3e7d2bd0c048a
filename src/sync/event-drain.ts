import { AuthError, ServiceError, hint } from "../base/errors.ts";
import type { Clock } from "../platform/clock.ts";
import { type EventVerdict, judgeBatch } from "./batch-answer.ts";
import { type Batch, type BatchFile, type BatchLimits, batchPacker, compress, sizeOf } from "./batch.ts";
import { queueEntry } from "./queue-file.ts";
import type { QueueItem } from "./queue-folder.ts";
import type { QueueScope } from "./queue.ts";
import { requestService, type ServiceAccess, type ServiceAnswer } from "./service-request.ts";

const path = "/api/v1/events/batch/";
const timeoutMs = 60_000;
/** Then an event is given up. */
const maxTries = 20;
/** In a row: then the events are not to blame. */
const maxRefusedSingly = 8;

/** Part of {@link SyncNotice}. */
export interface Rejection {
  /** The `event_id`, or an artifact's ID in the queue. */
  id: string;
  category: string | undefined;
  reason: string;
  /** Set aside: in the queue's dead-letter directory, and not tried again. */
  givenUp: boolean;
}

/** Result of {@link SyncRuntime.flush}. */
export interface DrainReport {
  events: {
    delivered: number;
    /** Delivered earlier. */
    duplicates: number;
    /** Still queued. */
    pending: number;
    rejected: number;
  };
  artifacts: DrainReport["events"];
  /** Still queued for this account. */
  left: number;
  /** Why the drain ended early. The rest waits unchanged. */
  failure: AuthError | undefined;
}

/** @internal */
export interface DrainOptions extends ServiceAccess {
  clock: Clock;
  limits: BatchLimits;
  /** Called before each request. */
  held: () => boolean;
  counts: DrainReport["events"];
  onRejected?: ((rejection: Rejection) => void) | undefined;
  onProgress?: (() => void) | undefined;
}

/**
 * The caller holds the scope's lock. Later events wait for the next drain. After a kill between response and removal an
 * event is sent again, and the service answers `duplicate`: the `event_id` makes delivery exactly once.
 *
 * While one batch is being sent, the next is read and compressed and the previous one removed: memory holds two batches
 * and some file names.
 *
 * @returns why it ended early: no token, no response, or one that says so
 * @internal
 */
export async function drainEvents(
  { events: queue, account }: QueueScope,
  options: DrainOptions,
): Promise<AuthError | undefined> {
  const { counts } = options;
  const limits = { ...options.limits };
  // Twenty tries are twenty drains.
  const judged = new Set<string>();
  const headers = {
    "content-type": "application/json",
    "content-encoding": "gzip",
    ...(account?.team && { "x-team-slug": account.team }),
  };
  let failure: AuthError | undefined;
  let settling: Promise<void> = Promise.resolve();
  let refusedSingly = 0;

  const post = async (body: Buffer): Promise<ServiceAnswer | AuthError> => {
    if (!options.held())
      return new AuthError("lock_unavailable", "another process took over the queue", {
        hint: hint`Run: ${{ command: "sync now" }}`,
      });
    try {
      return await requestService(path, { method: "POST", headers, body }, options, timeoutMs);
    } catch (error) {
      if (error instanceof AuthError) return error;
      throw error;
    }
  };

  const send = async (
    items: readonly QueueItem[],
    body: Buffer,
    verdicts: Map<string, EventVerdict>,
  ): Promise<void> => {
    const answer = await post(body);
    if (answer instanceof AuthError) return void (failure = answer);
    const verdict = judgeBatch(
      answer,
      items.map(({ id }) => id),
    );
    failure = verdict.failure;
    if (verdict.next === "halve") {
      if (answer.status === 413) limits.bytes = Math.min(limits.bytes, Math.ceil(sizeOf(items) / 2));
      const middle = Math.ceil(items.length / 2);
      for (const half of [items.slice(0, middle), items.slice(middle)]) {
        if (failure === undefined) await send(half, await compress(half), verdicts);
      }
      return;
    }
    for (const [id, event] of verdict.events) {
      verdicts.set(id, event);
      if (event.kind === "delivered") counts.delivered++;
      else if (event.kind === "duplicate") counts.duplicates++;
      else judged.add(id);
      if (event.kind === "pending") counts.pending++;
    }
    refusedSingly = answer.status === 400 && items.length === 1 ? refusedSingly + 1 : 0;
    if (refusedSingly >= maxRefusedSingly && counts.delivered + counts.duplicates === 0) {
      failure = new ServiceError(
        "service_rejected",
        `the service rejected ${refusedSingly} events one by one with 400, and accepted none`,
        { status: 400, hint: hint`See its reasons: ${{ command: "sync now", options: ["--report", "report.json"] }}` },
      );
    }
  };

  const settleFile = async (
    { entry, items }: BatchFile,
    verdicts: ReadonlyMap<string, EventVerdict>,
  ): Promise<void> => {
    const kept = items.filter(({ id }) => !isDelivered(verdicts.get(id)));
    if (kept.length === items.length && !kept.some(({ id }) => verdicts.get(id)?.kind === "rejected")) return;
    for (const item of kept) {
      const verdict = verdicts.get(item.id);
      const retries = (item.retries ?? 0) + (verdict?.kind === "rejected" ? 1 : 0);
      const givenUp = verdict?.kind === "rejected" && (verdict.final || retries >= maxTries);
      // Before the shared file is removed.
      const [own = entry.name] =
        items.length > 1 ? await queue.add([{ ...item, retries: givenUp ? retries - 1 : retries }]) : [];
      if (verdict?.kind !== "rejected") continue;
      const single = queueEntry(own) ?? entry;
      if (givenUp)
        queue.giveUp(
          single,
          verdict.final ? verdict.reason : `rejected ${maxTries} times, most recently with: ${verdict.reason}`,
        );
      else if (items.length === 1) queue.retry(single);
      counts.rejected++;
      options.onRejected?.({ id: item.id, category: verdict.category, reason: verdict.reason, givenUp });
    }
    if (items.length > 1 || kept.length === 0) await queue.remove([entry.name]);
  };

  const settle = async (batch: Batch, verdicts: ReadonlyMap<string, EventVerdict>): Promise<void> => {
    const gone = batch.files.filter(({ items }) => items.every(({ id }) => isDelivered(verdicts.get(id))));
    await queue.remove(gone.map(({ entry }) => entry.name));
    for (const file of batch.files) if (!gone.includes(file)) await settleFile(file, verdicts);
    options.onProgress?.();
  };

  const onDamaged = async ({ entry, items }: BatchFile): Promise<void> => {
    const reason = "a file of the queue is damaged; its readable events stay queued";
    // With one event too many, the readable ones have replaced the damaged file under its name.
    if (!(await queue.add(items)).includes(entry.name)) queue.giveUp(entry, reason);
    counts.rejected++;
    options.onRejected?.({ id: entry.id, category: "damaged", reason, givenUp: true });
  };

  const pass = async (): Promise<void> => {
    const pack = batchPacker(queue.namesBefore(end), { queue, limits, skip: judged, onDamaged });
    let hadVerdicts = false;
    let batch = await pack();
    while (batch !== undefined && failure === undefined) {
      const verdicts = new Map<string, EventVerdict>();
      const [, following] = await Promise.all([send(batch.items, batch.body, verdicts), pack()]);
      await settling;
      settling = settle(batch, verdicts);
      settling.catch(() => undefined); // Reported by the next await.
      // A service that judges nothing is not asked a hundred times.
      if (verdicts.size === 0 && !hadVerdicts) break;
      hadVerdicts = verdicts.size > 0;
      batch = following;
    }
    await settling;
  };

  // A remaining event of a shared file gets its own later name, never beyond this position.
  const end = queue.end();
  for (;;) {
    const before = counts.delivered + counts.duplicates + counts.rejected;
    await pass();
    if (failure !== undefined || counts.delivered + counts.duplicates + counts.rejected === before) return failure;
  }
}

function isDelivered(verdict: EventVerdict | undefined): boolean {
  return verdict?.kind === "delivered" || verdict?.kind === "duplicate";
}
