import type { Vault } from "./vault.ts";

/** Keeps sessions for the life of the process and writes nothing anywhere. */
export function memoryVault(): Vault {
  let content: string | undefined;
  let writes = 0;
  return {
    path: undefined,
    mark: () => (content === undefined ? undefined : String(writes)),
    read: async () => content,
    reserve: () => ({ commit() {}, discard() {} }),
    write: async (text) => {
      content = text;
      writes += 1;
    },
    remove: () => {
      content = undefined;
    },
  };
}
