import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { type QueueEntry, queueEntry } from "./queue-file.ts";
import type { QueueFolder, QueueItem } from "./queue-folder.ts";

export interface BatchLimits {
  events: number;
  /** Of JSON before compression; a larger event goes alone. */
  bytes: number;
}

export interface BatchFile {
  entry: QueueEntry;
  items: readonly QueueItem[];
}

export interface Batch {
  /** All of the files, or part of one that exceeds a batch. */
  items: readonly QueueItem[];
  files: readonly BatchFile[];
  body: Buffer;
}

interface PackOptions {
  queue: QueueFolder;
  /** Read anew for each batch: a response may lower them. */
  limits: Readonly<BatchLimits>;
  skip: ReadonlySet<string>;
  onDamaged: (file: BatchFile) => Promise<void>;
}

const head = '{"events":[';
const tail = "]}";

/** One batch a call; undefined at the end. A file may be gone by then. */
export function batchPacker(
  names: Iterator<string, undefined>,
  { queue, limits, skip, onDamaged }: PackOptions,
): () => Promise<Batch | undefined> {
  let next: string | undefined;
  return async () => {
    const files: BatchFile[] = [];
    const items: QueueItem[] = [];
    // An event emitted while a drain closed its file may be in two.
    const packed = new Set<string>();
    let bytes = head.length + tail.length;
    for (next ??= names.next().value; next !== undefined; next = names.next().value) {
      const file = await readFile(queue, next, onDamaged);
      const unsettled = file?.items.filter(({ id }) => !skip.has(id)) ?? [];
      if (file === undefined || unsettled.length === 0) continue;
      const unsent = unsettled.filter(({ id }) => !packed.has(id));
      const fits = (count: number, size: number): boolean =>
        items.length + count <= limits.events && bytes + size <= limits.bytes;
      if (items.length > 0 && !fits(unsent.length, sizeOf(unsent))) break;
      for (const item of unsent) {
        if (items.length > 0 && !fits(1, sizeOf([item]))) break;
        items.push(item);
        packed.add(item.id);
        bytes += sizeOf([item]);
      }
      files.push(file);
    }
    // Processes may write to a shared file out of order.
    items.sort((a, b) => a.order - b.order);
    return items.length === 0 ? undefined : { items, files, body: await compress(items) };
  };
}

export async function compress(items: readonly QueueItem[]): Promise<Buffer> {
  return await promisify(gzip)(head + items.map(({ text }) => text).join(",") + tail);
}

export function sizeOf(items: readonly QueueItem[]): number {
  return items.reduce((sum, { text }) => sum + Buffer.byteLength(text) + 1, 0);
}

/** For one line that is no event, the service would refuse the whole batch. */
async function readFile(
  queue: QueueFolder,
  name: string,
  onDamaged: PackOptions["onDamaged"],
): Promise<BatchFile | undefined> {
  const entry = queueEntry(name);
  if (entry === undefined) return undefined;
  const lines = queue.read(name);
  const items = lines.flatMap((text) => parseItem(text, entry.retries) ?? []);
  if (items.length === lines.length) return { entry, items };
  await onDamaged({ entry, items });
  return undefined;
}

function parseItem(text: string, retries: number): QueueItem | undefined {
  try {
    const { event_id: id, lamport_clock: order } = Object(JSON.parse(text)) as Record<string, unknown>;
    if (typeof id !== "string" || !/^[0-9A-Za-z]+$/.test(id) || !Number.isSafeInteger(order) || Number(order) < 0)
      return undefined;
    return { id, order: Number(order), text, retries };
  } catch {
    return undefined;
  }
}
