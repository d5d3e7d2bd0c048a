import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { type QueueEntry, queueEntry } from "./queue-file.ts";
import type { QueueFolder, QueueItem } from "./queue-folder.ts";

export interface BatchLimits {
  events: number;
  /** Bytes of JSON before compression; a single larger event is sent alone. */
  bytes: number;
}

export interface BatchFile {
  entry: QueueEntry;
  items: readonly QueueItem[];
}

export interface Batch {
  /** All of the files, or part of a single file that is larger than a batch may be. */
  items: readonly QueueItem[];
  files: readonly BatchFile[];
  body: Buffer;
}

export interface PackOptions {
  queue: QueueFolder;
  /** Read anew for each batch, since an answer may lower them. */
  limits: Readonly<BatchLimits>;
  skip: ReadonlySet<string>;
  /** Called for a file that contains something other than events. */
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
    // An event that was emitted while a drain closed its file may be in two files, and is sent once.
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
    // In a shared file, a slow process may have written behind a fast one, and a large event in between has a file of its own.
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

/** A single line that is not an event would make the service refuse the whole batch, so damage to a file is found here. */
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
