import type { SharedStore } from "../../auth/sessions/shared-store.ts";

/** The part of an `etcd3` client that is used. */
export interface EtcdClient {
  get(key: string): { exec(): Promise<{ kvs: readonly { value: { toString(): string }; mod_revision: string }[] }> };
  put(key: string): { value(text: string): { op(): Promise<unknown> } };
  delete(): { key(key: string): { op(): Promise<unknown> } };
  if(
    key: string,
    column: "Mod" | "Version",
    comparison: "==",
    value: string | number,
  ): {
    then(operation: { op(): Promise<unknown> }): {
      commit(): Promise<{ succeeded: boolean; header: { revision: string } }>;
    };
  };
  watch(): {
    key(key: string): {
      watcher(): {
        on(event: "put" | "delete" | "error", listener: () => void): unknown;
        cancel(): Promise<unknown>;
      };
    };
  };
}

/**
 * Logins in etcd, one key each.
 *
 * @param client - from `etcd3`
 */
export function etcdStore(client: EtcdClient): SharedStore {
  return {
    name: "etcd",
    async load(key) {
      const [found] = (await client.get(key).exec()).kvs;
      return found && { text: String(found.value), version: found.mod_revision };
    },
    async save(key, text, { ifVersion }) {
      // A missing key has zero changes.
      const condition =
        ifVersion === undefined ? client.if(key, "Version", "==", 0) : client.if(key, "Mod", "==", ifVersion);
      const operation = text === undefined ? client.delete().key(key) : client.put(key).value(text);
      const { succeeded, header } = await condition.then(operation).commit();
      return succeeded ? header.revision : undefined;
    },
    watch(key, changed) {
      // Not `create()`, which offers no cancel before the server responds: `etcd3` would reconnect forever, and keep
      // the process alive after the client is closed.
      const watcher = client.watch().key(key).watcher();
      for (const event of ["put", "delete", "error"] as const) watcher.on(event, changed);
      return () => void watcher.cancel().catch(() => undefined);
    },
  };
}
