import type { SharedStore } from "../../src/auth/sessions/shared-store.ts";

export type StoredText = NonNullable<Awaited<ReturnType<SharedStore["load"]>>>;

/** In memory; counts calls and fails on request. */
export class TestSharedStore implements SharedStore {
  readonly texts = new Map<string, StoredText>();
  readonly asked: string[] = [];
  /** Called before each call; its errors are the call's. */
  onCall: (call: "load" | "save", key: string) => unknown = () => undefined;
  /** Called after a save; an error is a lost response. */
  onSaved: (key: string) => unknown = () => undefined;
  readonly #listeners = new Map<string, Set<() => void>>();
  #versions = 0;

  async load(key: string): Promise<StoredText | undefined> {
    this.asked.push("load");
    await this.onCall("load", key);
    return this.texts.get(key);
  }

  async save(
    key: string,
    text: string | undefined,
    { ifVersion }: { ifVersion: string | undefined },
  ): Promise<string | undefined> {
    this.asked.push("save");
    await this.onCall("save", key);
    if (this.texts.get(key)?.version !== ifVersion) return undefined;
    const version = String((this.#versions += 1));
    if (text === undefined) this.texts.delete(key);
    else this.texts.set(key, { text, version });
    for (const changed of this.#listeners.get(key) ?? []) changed();
    await this.onSaved(key);
    return version;
  }

  watch(key: string, changed: () => void): () => void {
    const those = this.#listeners.get(key) ?? new Set();
    this.#listeners.set(key, those.add(changed));
    return () => void those.delete(changed);
  }
}
