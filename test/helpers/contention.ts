import { on, type EventEmitter } from "node:events";

/**
 * Settles when a process tries to take a lock, as far as its folder shows: the first try makes a directory next to the lock, and the
 * next ones nothing while it is held. `watcher`: of that folder.
 */
export async function contention(watcher: EventEmitter): Promise<void> {
  for await (const [, name] of on(watcher, "change")) if (/\.lock\.[0-9a-f]{16}$/.test(String(name))) return;
}
