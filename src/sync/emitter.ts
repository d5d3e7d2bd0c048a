import { AuthError, hint } from "../base/errors.ts";
import type { Clock } from "../platform/clock.ts";
import { eventEnvelope, eventProblems, type EventEnvelope, type EventInput } from "./events.ts";
import type { LamportClock } from "./lamport-clock.ts";
import type { LiveClient } from "./live-client.ts";
import type { Origin, QueueScope, SyncQueue } from "./queue.ts";
import { createUlidSource } from "./ulid.ts";

/** Result of {@link SyncRuntime.emit}. */
export type EmitReport =
  /** On disk, and sent whatever happens to this process. */
  | { outcome: "queued"; event: EventEnvelope }
  /** The service would not accept it. */
  | { outcome: "refused"; problems: readonly string[] }
  /** Lost, unless the caller emits it again. */
  | { outcome: "failed"; error: AuthError };

/** @internal */
export interface EmitterOptions {
  queue: SyncQueue;
  lamport: LamportClock;
  clock: Clock;
  nodeId: string;
  /** Called for every group of events: profile and account change while a process runs. */
  origin: () => Promise<Origin>;
  context?: Partial<EventInput>;
  live?: Pick<LiveClient, "deliver"> | undefined;
  onQueued?: () => void;
}

const capacity = 100_000;
/** Other processes use the same queue, so it is counted again. */
const countEvery = 1000;
const groupSize = 1000;

function queueFull(): AuthError {
  return new AuthError("storage_unwritable", `the queue is full (${capacity} events)`, {
    hint: hint`Run: ${{ command: "sync now" }}`,
  });
}

/** See {@link createEmitter}. @internal */
export type Emitter = (input: EventInput) => Promise<EmitReport>;

/**
 * Validates, queues, and only then sends live. Never rejects: an event must not break the caller's work. Events emitted
 * during a write are written together next: one step of the Lamport clock and one flush for all.
 * @internal
 */
export function createEmitter({
  queue,
  lamport,
  clock,
  nodeId,
  origin,
  context,
  live,
  onQueued,
}: EmitterOptions): Emitter {
  interface Pending {
    input: EventInput;
    timestamp: string;
    resolve: (report: EmitReport) => void;
  }
  const pending: Pending[] = [];
  const nextId = createUlidSource(clock);
  let writing = false;
  let counted: { lock: string; room: number } | undefined;

  const roomIn = (scope: QueueScope, wanted: number): number => {
    if (counted?.lock !== scope.lock || counted.room < wanted) {
      counted = { lock: scope.lock, room: Math.min(capacity - scope.events.count(), Math.max(countEvery, wanted)) };
    }
    return Math.max(0, Math.min(counted.room, wanted));
  };

  const writeGroup = async (group: readonly Pending[]): Promise<void> => {
    const from = await origin();
    const scope = queue.scopeOf(from);
    const room = roomIn(scope, group.length);
    for (const { resolve } of group.slice(room)) resolve({ outcome: "failed", error: queueFull() });
    if (room === 0) return;
    const taken = group.slice(0, room);
    const first = await lamport.tick(taken.length);
    const team_slug = scope.account?.team ?? null;
    const events = taken.map(({ input, timestamp }, index) =>
      eventEnvelope(input, { event_id: nextId(), node_id: nodeId, lamport_clock: first + index, timestamp, team_slug }),
    );
    const items = events.map((event) => ({
      order: event.lamport_clock,
      id: event.event_id,
      text: JSON.stringify(event),
    }));
    const [only, second] = items;
    // An event for live delivery has its own file, to be removed alone.
    const names =
      only && second === undefined && live === undefined
        ? await scope.events.append(only)
        : await scope.events.add(items);
    if (counted) counted.room -= room;
    events.forEach((event, index) => taken[index]?.resolve({ outcome: "queued", event }));
    const { account } = scope;
    if (live && account)
      void sendLive(
        events,
        (event) => live.deliver(event, account),
        () => scope.events.remove(names),
      );
    onQueued?.();
  };

  const write = async (): Promise<void> => {
    writing = true;
    while (pending.length > 0) {
      const group = pending.splice(0, groupSize);
      try {
        await writeGroup(group);
      } catch (error) {
        for (const { resolve } of group) resolve({ outcome: "failed", error: asAuthError(error) });
      }
    }
    writing = false;
  };

  return async (input) => {
    try {
      // The caller may change the input.
      const copy = {
        ...context,
        ...input,
        payload: JSON.parse(JSON.stringify(input.payload ?? null)) as EventInput["payload"],
      };
      const problems = eventProblems(copy);
      if (problems.length > 0) return { outcome: "refused", problems };
      return await new Promise<EmitReport>((resolve) => {
        pending.push({ input: copy, timestamp: new Date(clock.now()).toISOString(), resolve });
        if (!writing) void write();
      });
    } catch (error) {
      return {
        outcome: "refused",
        problems: [`this is not an event: ${error instanceof Error ? error.message : String(error)}`],
      };
    }
  };
}

/** Queued until the service has all of them; if a drain sends them too, the response is `duplicate`. */
async function sendLive(
  events: readonly EventEnvelope[],
  deliver: (event: EventEnvelope) => Promise<boolean>,
  remove: () => Promise<void>,
): Promise<void> {
  try {
    const delivered = await Promise.all(events.map(deliver));
    if (!delivered.includes(false)) await remove();
  } catch {
    // They are queued.
  }
}

function asAuthError(error: unknown): AuthError {
  return error instanceof AuthError
    ? error
    : new AuthError("storage_unwritable", "cannot queue the event", {
        hint: hint`Run: ${{ command: "auth doctor" }}`,
        cause: error,
      });
}
