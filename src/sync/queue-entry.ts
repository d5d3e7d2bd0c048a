/** What the name of a file in the queue says, so that a queue of 100,000 events is listed and counted without opening one file. */
export interface QueueEntry {
  readonly name: string;
  /** Its place in the line, smallest first; a whole number that is not negative. */
  readonly order: number;
  /** The id of what it holds, or of the first of several. */
  readonly id: string;
  /** How many items it holds. */
  readonly count: number;
  /** How often the service has refused it. Kept in the name: counting is then one rename, and the content is never rewritten. */
  readonly retries: number;
}

/** So many places in the line share a file at most: some 50 KB of events, of which a batch takes four or five. */
export const fileSpan = 128;

const pattern = /^(\d{16})-([0-9A-Za-z]+)-(\d+)-(\d+)\.jsonl$/;

/** What a name says; undefined when it is not one of ours. */
export function queueEntry(name: string): QueueEntry | undefined {
  const [, order, id, count, retries] = pattern.exec(name) ?? [];
  if (order === undefined || id === undefined) return undefined;
  return { name, order: Number(order), id, count: Number(count), retries: Number(retries) };
}

/** The name that says all this. Zero-padded: the order of the names is the order of the line. */
export function queueEntryName({ order, id, count, retries }: Omit<QueueEntry, "name">): string {
  return `${String(order).padStart(16, "0")}-${id}-${count}-${retries}.jsonl`;
}
