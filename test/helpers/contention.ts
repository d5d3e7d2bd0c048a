import { on, type EventEmitter } from "node:events";

/**
 * Settles when a process tries to take a lock: the first try makes a directory next to it. `watcher`: of their
 * directory.
 */
export async function contention(watcher: EventEmitter): Promise<void> {
  for await (const [, name] of on(watcher, "change")) if (/\.lock\.[0-9a-f]{16}$/.test(String(name))) return;
}
