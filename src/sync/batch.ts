import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { AuthError, ServiceError } from "../errors.ts";
import { type EventVerdict, judgeBatch } from "./batch-answer.ts";
import { type QueueEntry, queueEntry } from "./queue-folder.ts";
import type { QueueScope } from "./queue.ts";
import { requestService, type ServiceAccess } from "./service-request.ts";

const path = "/api/v1/events/batch/";
const timeoutMs = 60_000;
/** So often an event may be refused before it is given up. */
const maxTries = 20;
/** So many events in a row refused one by one, and none delivered, mean that the events are not to blame. */
const suspicious = 8;
const head = '{"events":[';
const tail = "]}";

/** How large a batch may be. */
export interface BatchLimits {
  /** Number of events. */
  events: number;
  /** Bytes of JSON before compression; a single larger event travels alone. */
  bytes: number;
}

/** Something that the service did not take. */
export interface Rejection {
  id: string;
  /** The service's own word for it; undefined when it gave none. */
  category: string | undefined;
  reason: string;
  /** Whether it was given up and now lies in the dead-letter folder, or waits to be tried again. */
  dead: boolean;
}

/** What a drain did. */
export interface DrainCounts {
  delivered: number;
  /** Delivered earlier, as the service says. */
  duplicates: number;
  /** The service has not decided yet; they stay queued. */
  pending: number;
  rejected: number;
}

/** What {@link drainEvents} needs. */
export interface DrainOptions extends ServiceAccess {
  limits: BatchLimits;
  /** Whether the lock on the queue is still ours, asked before each request. */
  held: () => boolean;
  /** Counts so far of this drain, added to as it goes on. */
  counts: DrainCounts;
  /** Told of every rejection, once for each event. */
  onRejected?: ((rejection: Rejection) => void) | undefined;
  /** Told after every answer. */
  onProgress?: (() => void) | undefined;
}

interface Batch {
  entries: readonly QueueEntry[];
  texts: readonly string[];
  body: Buffer;
}

/**
 * Sends the events that wait in a scope, oldest first, in batches, and removes those that the service has. Events that
 * are added meanwhile are left for the next drain. A process that is killed between the answer and the removal sends the
 * event again, and the service answers `duplicate`: the `event_id` is what makes it exactly once.
 *
 * While one batch travels the next is read and compressed, and what the one before delivered is removed: memory
 * holds two batches and the names of the queue, whatever its length.
 *
 * @param scope - whose events; the caller holds its lock
 * @returns why it ended early: no token, no answer, or an answer that says so; undefined when it did not
 * @throws the signal's reason, and {@link AuthError} when the queue cannot be read or written
 */
export async function drainEvents(scope: QueueScope, options: DrainOptions): Promise<AuthError | undefined> {
  const { events: queue, account } = scope;
  const { counts } = options;
  const limits = { ...options.limits };
  // What was judged in this drain is not asked about again in it: twenty tries are twenty drains, not one.
  const judged = new Set<string>();
  let failure: AuthError | undefined;
  let removing: Promise<void> = Promise.resolve();
  let blamed = 0;

  /** Reads and packs the next batch; undefined at the end of the line. */
  const pack = async (names: Iterator<string>, carried: { name: string | undefined }): Promise<Batch | undefined> => {
    const entries: QueueEntry[] = [];
    const texts: string[] = [];
    let bytes = head.length + tail.length;
    for (let name = carried.name ?? names.next().value; name !== undefined; name = names.next().value) {
      carried.name = undefined;
      const entry = queueEntry(name);
      if (entry === undefined || judged.has(entry.id)) continue;
      const text = queue.read(name);
      if (text === undefined) continue;
      if (!isEvent(text, entry.id)) {
        reject(entry, { kind: "rejected", category: "damaged", reason: "the file in the queue does not hold this event", final: true });
        continue;
      }
      const size = Buffer.byteLength(text) + 1;
      if (entries.length > 0 && bytes + size > limits.bytes) {
        carried.name = name;
        break;
      }
      entries.push(entry);
      texts.push(text);
      bytes += size;
      if (entries.length >= limits.events) break;
    }
    return entries.length === 0 ? undefined : { entries, texts, body: await compress(texts) };
  };

  const reject = (entry: QueueEntry, { category, reason, final }: EventVerdict & { kind: "rejected" }): void => {
    const dead = final || entry.retries + 1 >= maxTries;
    if (dead) queue.bury(entry, final ? reason : `refused ${maxTries} times, at last with: ${reason}`);
    else queue.retry(entry);
    judged.add(entry.id);
    counts.rejected++;
    options.onRejected?.({ id: entry.id, category, reason, dead });
  };

  /** Sends one batch, in halves where the service asks for that. Returns how many events it said something about. */
  const deliver = async ({ entries, texts, body }: Batch): Promise<number> => {
    if (!options.held()) {
      failure = new AuthError("lock_unavailable", "another process took over the queue", { hint: "Run: spec-kitty sync now" });
      return 0;
    }
    const headers = { "content-type": "application/json", "content-encoding": "gzip", ...(account?.team && { "x-team-slug": account.team }) };
    const answer = await requestService(path, { method: "POST", headers, body }, options, timeoutMs);
    const ids = entries.map(({ id }) => id);
    const verdict = judgeBatch(answer.status, answer.retryAfterMs, answer.body, ids);
    failure = verdict.failure;
    if (verdict.next === "halve") {
      if (answer.status === 413) limits.bytes = Math.ceil(Buffer.byteLength(texts.join()) / 2);
      const middle = Math.ceil(entries.length / 2);
      let named = 0;
      for (const [from, to] of [[0, middle], [middle, entries.length]]) {
        if (failure !== undefined) break;
        const half = texts.slice(from, to);
        named += await deliver({ entries: entries.slice(from, to), texts: half, body: await compress(half) });
      }
      return named;
    }
    const gone: string[] = [];
    for (const entry of entries) {
      const event = verdict.events.get(entry.id);
      if (event?.kind === "rejected") reject(entry, event);
      else if (event?.kind === "pending") counts.pending++;
      else if (event) counts[event.kind === "delivered" ? "delivered" : "duplicates"]++;
      if (event?.kind === "delivered" || event?.kind === "duplicate") gone.push(entry.name);
      else if (event) judged.add(entry.id);
    }
    blamed = answer.status === 400 && entries.length === 1 ? blamed + 1 : 0;
    if (blamed >= suspicious && counts.delivered + counts.duplicates === 0) {
      failure = new ServiceError("service_rejected", `the service refused ${blamed} events one by one with 400, and took none`, {
        status: 400,
        hint: "Look at what it says about them: spec-kitty sync now --report report.json",
      });
    }
    await removing;
    removing = queue.remove(gone).catch((error: unknown) => {
      failure ??= error instanceof AuthError ? error : new AuthError("storage_unwritable", "delivered events cannot be removed", { cause: error });
    });
    options.onProgress?.();
    return verdict.events.size;
  };

  /** Once along the line. Returns whether anything moved. */
  const pass = async (line: readonly string[]): Promise<boolean> => {
    const names = line[Symbol.iterator]();
    const carried = { name: undefined };
    const before = counts.delivered + counts.duplicates + counts.rejected;
    let alive = false;
    let batch = await pack(names, carried);
    while (batch !== undefined && failure === undefined) {
      const [named, following] = await Promise.all([deliver(batch), pack(names, carried)]);
      // An answer that names nothing is not worth a hundred more: the first one ends the pass, or the second in a row.
      if (named === 0 && !alive) break;
      alive = named > 0;
      batch = following;
    }
    await removing;
    return counts.delivered + counts.duplicates + counts.rejected > before;
  };

  const last = queue.names().at(-1);
  try {
    for (;;) {
      const line = queue.names().filter((name) => last !== undefined && name <= last);
      if (line.length === 0 || !(await pass(line)) || failure !== undefined) return failure;
    }
  } catch (error) {
    await removing;
    if (error instanceof AuthError && !error.code.startsWith("storage_")) return error;
    throw error;
  }
}

async function compress(texts: readonly string[]): Promise<Buffer> {
  return await promisify(gzip)(head + texts.join(",") + tail);
}

/** A damaged file would have the whole batch refused, and a file under another's name would never be removed. */
function isEvent(text: string, id: string): boolean {
  try {
    const event: unknown = JSON.parse(text);
    return typeof event === "object" && event !== null && "event_id" in event && event.event_id === id;
  } catch {
    return false;
  }
}
