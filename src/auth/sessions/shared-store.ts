import type * as runtime from "../../base/runtime-types.ts";

/** What a {@link SharedStore} has under a key. */
export interface StoredText {
  readonly text: string;
  /** Changes whenever the text is stored anew. Opaque: it is compared, and never computed with. */
  readonly version: string;
}

/**
 * A place that several machines share, for logins: a database with compare and swap, and nothing else. Everything on top of it (who may
 * refresh, waiting, sealing, retries) is this package's, so it needs no lock, no lease and no clock.
 *
 * What a call throws counts as "no answer": the library tries again, and then reports `storage_unreachable`.
 */
export interface SharedStore {
  /** What the place is called in messages, such as `Redis`; `the shared store` by default. */
  readonly name?: string;
  /** The text under a key and its version; undefined when there is none. It must not be older than the last `save` that was answered. */
  load(key: string, options: { signal: runtime.AbortSignal }): Promise<StoredText | undefined>;
  /**
   * Stores a text if what is there has still this version, atomically.
   *
   * @param text - undefined removes what is there
   * @param options - `ifVersion`: undefined if there must be nothing; `signal` aborts when the answer is not waited for any longer
   * @returns the new version (of a removal, any text); undefined when what is there has another version
   */
  save(
    key: string,
    text: string | undefined,
    options: { ifVersion: string | undefined; signal: runtime.AbortSignal },
  ): Promise<string | undefined>;
  /** Calls back whenever a key may have changed. Without it, the library asks again, ever more slowly. Returns what stops that. */
  watch?(key: string, changed: () => void): () => void;
  /**
   * Called by each login that is closed: once nobody watches, it ends what `watch` has opened, so that nothing keeps the process alive. The
   * store may be used again.
   */
  close?(): Promise<void>;
}
