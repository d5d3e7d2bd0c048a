import { AuthError } from "../../base/errors.ts";
import type { SimpleVault, Vault, VaultLock, VaultLockOptions } from "./vault.ts";

/** Keeps sessions for the life of the process and writes nothing anywhere. */
export function memoryVault(): Vault {
  let content: string | undefined;
  return vaultOf({
    get: () => content,
    set: (text) => void (content = text),
    delete: () => void (content = undefined),
  });
}

const vaults = new WeakMap<SimpleVault, Vault>();

/** The vault that keeps its text in a place of the embedding program: one for each place, so that its users share the locks. */
export function vaultOf(place: SimpleVault): Vault {
  const known = vaults.get(place);
  if (known !== undefined) return known;
  let writes = 0;
  const vault: Vault = {
    path: undefined,
    mark: () => String(writes),
    read: async () => place.get(),
    reserve: () => ({ commit() {}, discard() {} }),
    async write(text) {
      try {
        await place.set(text);
      } catch (cause) {
        if (cause instanceof AuthError) throw cause;
        throw new AuthError(
          "storage_unwritable",
          `the session could not be stored: ${cause instanceof Error ? cause.message : String(cause)}`,
          { cause },
        );
      }
      writes += 1;
    },
    async remove() {
      await place.delete();
      writes += 1;
    },
    lock: place.lock?.bind(place) ?? ((name, options) => lockInProcess(vault, name, options)),
  };
  vaults.set(place, vault);
  return vault;
}

/** For each vault without a lock of its own, the locks that are held, each with a promise of its release. */
const heldLocks = new WeakMap<Vault, Map<string, Promise<void>>>();

/** The lock of a vault that has none: between its users in this process. Same parameters and failures as {@link Vault.lock}. */
export async function lockInProcess(
  vault: Vault,
  name: string,
  { clock, timeoutMs, unless }: VaultLockOptions,
): Promise<VaultLock | undefined> {
  const held = heldLocks.get(vault) ?? new Map<string, Promise<void>>();
  heldLocks.set(vault, held);
  const startedAt = clock.monotonic();
  for (let holder = held.get(name); holder !== undefined; holder = held.get(name)) {
    const left = timeoutMs - (clock.monotonic() - startedAt);
    if (left <= 0) {
      const waited = `waited ${Math.round(timeoutMs / 100) / 10} s`;
      throw new AuthError(
        "lock_unavailable",
        `${waited} for another part of this program to refresh or store the session`,
        { hint: "Try again" },
      );
    }
    const released = new AbortController();
    await Promise.race([holder, clock.sleep(left, { signal: released.signal }).catch(() => undefined)]);
    released.abort();
    if (unless()) return undefined;
  }
  let isHeld = true;
  let settle = (): void => undefined;
  held.set(name, new Promise((resolve) => (settle = resolve)));
  return {
    held: () => isHeld,
    release() {
      if (!isHeld) return;
      isHeld = false;
      held.delete(name);
      settle();
    },
  };
}
