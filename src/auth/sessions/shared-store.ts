import type * as runtime from "../../base/runtime-types.ts";

/**
 * A database with compare-and-swap; it needs no lock, lease or clock. Refresh claims, waiting, sealing and retries are
 * this package's.
 *
 * An error counts as "no response": the library tries again, and then reports `storage_unreachable`.
 */
export interface SharedStore {
  /** `the shared store` by default. */
  readonly name?: string;
  /**
   * Must not be older than the last acknowledged `save`.
   *
   * @returns `version`: changes with every save; only compared
   */
  load(
    key: string,
    options: { signal: runtime.AbortSignal },
  ): Promise<{ readonly text: string; readonly version: string } | undefined>;
  /**
   * Stores a text if the current one has this version, atomically.
   *
   * @param text - undefined removes it
   * @param options - `ifVersion`: undefined if there must be none; `signal` aborts at the time limit
   * @returns the new version (of a removal, any text); undefined on a conflict
   */
  save(
    key: string,
    text: string | undefined,
    options: { ifVersion: string | undefined; signal: runtime.AbortSignal },
  ): Promise<string | undefined>;
  /**
   * Calls back whenever a key may have changed, until the returned function is called. Without it, the library polls.
   */
  watch?(key: string, changed: () => void): () => void;
  /**
   * Called by each `Auth.close`: without watchers, nothing may keep the process alive. The store may be used again.
   */
  close?(): Promise<void>;
}
