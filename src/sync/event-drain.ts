import { AuthError, ServiceError } from "../base/errors.ts";
import { type EventVerdict, judgeBatch } from "./batch-answer.ts";
import { type Batch, type BatchFile, type BatchLimits, batchPacker, compress, sizeOf } from "./batch.ts";
import { queueEntry } from "./queue-entry.ts";
import type { QueueItem } from "./queue-folder.ts";
import type { QueueScope } from "./queue.ts";
import { requestService, type ServiceAccess, type ServiceAnswer } from "./service-request.ts";

const path = "/api/v1/events/batch/";
const timeoutMs = 60_000;
/** So often an event may be refused before it is given up. */
const maxTries = 20;
/** So many events in a row refused one by one, and none taken, mean that the events are not to blame. */
const suspicious = 8;

/** Something that the service did not take. */
export interface Rejection {
  /** The `event_id` of an event, or what an artifact goes by in the queue. */
  id: string;
  /** The service's own word for it; undefined when it gave none. */
  category: string | undefined;
  /** In words. */
  reason: string;
  /** Whether it was given up and now lies in the dead-letter folder, or waits to be tried again. */
  dead: boolean;
}

/** What a drain did. */
export interface DrainCounts {
  /** Taken by the service now. */
  delivered: number;
  /** Delivered earlier, as the service says. */
  duplicates: number;
  /** The service has not decided yet; they stay queued. */
  pending: number;
  /** Refused; see {@link Rejection}. */
  rejected: number;
}

/** What a drain of one scope needs. @internal */
export interface DrainOptions extends ServiceAccess {
  limits: BatchLimits;
  /** Whether the lock on the queue is still ours, asked before each request. */
  held: () => boolean;
  /** Counts so far, added to as the drain goes on. */
  counts: DrainCounts;
  /** Told of every rejection, once for each event. */
  onRejected?: ((rejection: Rejection) => void) | undefined;
  /** Told after every batch. */
  onProgress?: (() => void) | undefined;
}

/**
 * Sends the events that wait in a scope, oldest first, in batches, and removes those that the service has. Events that
 * are added meanwhile are left for the next drain. A process that is killed between the answer and the removal sends the
 * event again, and the service answers `duplicate`: the `event_id` is what makes it exactly once.
 *
 * While one batch travels the next is read and compressed, and what the one before delivered is removed: memory
 * holds two batches and some names of files, whatever the length of the queue.
 *
 * @param scope - whose events; the caller holds its lock
 * @returns why it ended early: no token, no answer, or an answer that says so; undefined when it did not
 * @throws the signal's reason, and {@link AuthError} when the queue cannot be read or written
 * @internal
 */
export async function drainEvents({ events: queue, account }: QueueScope, options: DrainOptions): Promise<AuthError | undefined> {
  const { counts } = options;
  const limits = { ...options.limits };
  // What was judged in this drain is not asked about again in it: twenty tries are twenty drains, not one.
  const judged = new Set<string>();
  const headers = { "content-type": "application/json", "content-encoding": "gzip", ...(account?.team && { "x-team-slug": account.team }) };
  let failure: AuthError | undefined;
  let settling: Promise<void> = Promise.resolve();
  let blamed = 0;

  const post = async (body: Buffer): Promise<ServiceAnswer | AuthError> => {
    if (!options.held()) return new AuthError("lock_unavailable", "another process took over the queue", { hint: "Run: spec-kitty sync now" });
    try {
      return await requestService(path, { method: "POST", headers, body }, options, timeoutMs);
    } catch (error) {
      if (error instanceof AuthError) return error;
      throw error;
    }
  };

  /** Sends events, in halves where the service asks for that, and collects what it says about each. */
  const send = async (items: readonly QueueItem[], body: Buffer, verdicts: Map<string, EventVerdict>): Promise<void> => {
    const answer = await post(body);
    if (answer instanceof AuthError) return void (failure = answer);
    const verdict = judgeBatch(answer.status, answer.retryAfterMs, answer.body, items.map(({ id }) => id));
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
    blamed = answer.status === 400 && items.length === 1 ? blamed + 1 : 0;
    if (blamed >= suspicious && counts.delivered + counts.duplicates === 0) {
      failure = new ServiceError("service_rejected", `the service refused ${blamed} events one by one with 400, and took none`, {
        status: 400,
        hint: "See what it says about them: spec-kitty sync now --report report.json",
      });
    }
  };

  /** Does in the queue what was said about the events of a file. */
  const settleFile = async ({ entry, items }: BatchFile, verdicts: ReadonlyMap<string, EventVerdict>): Promise<void> => {
    const kept = items.filter(({ id }) => !isTaken(verdicts.get(id)));
    if (kept.length === items.length && !kept.some(({ id }) => verdicts.get(id)?.kind === "rejected")) return;
    for (const item of kept) {
      const verdict = verdicts.get(item.id);
      const retries = (item.retries ?? 0) + (verdict?.kind === "rejected" ? 1 : 0);
      const dead = verdict?.kind === "rejected" && (verdict.final || retries >= maxTries);
      // From here on it has a file of its own, there before the one that it shared goes.
      const [own = entry.name] = items.length > 1 ? await queue.add([{ ...item, retries: dead ? retries - 1 : retries }]) : [];
      if (verdict?.kind !== "rejected") continue;
      const single = queueEntry(own) ?? entry;
      if (dead) queue.bury(single, verdict.final ? verdict.reason : `refused ${maxTries} times, at last with: ${verdict.reason}`);
      else if (items.length === 1) queue.retry(single);
      counts.rejected++;
      options.onRejected?.({ id: item.id, category: verdict.category, reason: verdict.reason, dead });
    }
    if (items.length > 1 || kept.length === 0) await queue.remove([entry.name]);
  };

  const settle = async (batch: Batch, verdicts: ReadonlyMap<string, EventVerdict>): Promise<void> => {
    const gone = batch.files.filter(({ items }) => items.every(({ id }) => isTaken(verdicts.get(id))));
    await queue.remove(gone.map(({ entry }) => entry.name));
    for (const file of batch.files) if (!gone.includes(file)) await settleFile(file, verdicts);
    options.onProgress?.();
  };

  const onDamaged = async ({ entry, items }: BatchFile): Promise<void> => {
    const reason = "the file in the queue does not hold the events that were put there; those that could be read were kept";
    await queue.add(items);
    queue.bury(entry, reason);
    counts.rejected++;
    options.onRejected?.({ id: entry.id, category: "damaged", reason, dead: true });
  };

  /** Once along the line. */
  const pass = async (): Promise<void> => {
    const pack = batchPacker(queue.line(end), { queue, limits, skip: judged, onDamaged });
    let alive = false;
    let batch = await pack();
    while (batch !== undefined && failure === undefined) {
      const verdicts = new Map<string, EventVerdict>();
      const [, following] = await Promise.all([send(batch.items, batch.body, verdicts), pack()]);
      await settling;
      settling = settle(batch, verdicts);
      settling.catch(() => undefined); // Told by the next await of it.
      // An answer that names nothing is not worth a hundred more: the first one ends the pass, or the second in a row.
      if (verdicts.size === 0 && !alive) break;
      alive = verdicts.size > 0;
      batch = following;
    }
    await settling;
  };

  // What is left of a file that was shared has a name of its own later, but not behind this.
  const end = queue.end();
  for (;;) {
    const before = counts.delivered + counts.duplicates + counts.rejected;
    await pass();
    if (failure !== undefined || counts.delivered + counts.duplicates + counts.rejected === before) return failure;
  }
}

function isTaken(verdict: EventVerdict | undefined): boolean {
  return verdict?.kind === "delivered" || verdict?.kind === "duplicate";
}
