import { createHash, randomUUID } from "node:crypto";
import { link, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemErrorCode } from "../../base/errors.ts";
import type { SharedStore } from "../../auth/sessions/shared-store.ts";

/**
 * Logins in files, for tests of programs that share a store.
 *
 * @param folder - created when needed
 */
export function fileStore(folder: string): SharedStore {
  const placeOf = (key: string): string => join(folder, createHash("sha256").update(key).digest("hex").slice(0, 32));
  const newest = async (place: string): Promise<number> => {
    // Whatever else is wrong with it, it is no sign that nobody is logged in.
    const names = await readdir(place).catch(unless("ENOENT", () => []));
    return Math.max(0, ...names.map(Number).filter(Number.isSafeInteger));
  };
  /** A removed text leaves an empty file, and no version is removed: a stopped process could reuse its number. */
  const read = async (key: string): Promise<{ version: number; text: string }> => {
    const place = placeOf(key);
    const version = await newest(place);
    return { version, text: version === 0 ? "" : await readFile(join(place, String(version)), "utf8") };
  };
  return {
    name: folder,
    async load(key) {
      const { version, text } = await read(key);
      return text === "" ? undefined : { text, version: String(version) };
    },
    async save(key, text = "", { ifVersion }) {
      const place = placeOf(key);
      await mkdir(place, { recursive: true, mode: 0o700 });
      const before = await read(key);
      if (ifVersion === undefined ? before.text !== "" : String(before.version) !== ifVersion) return undefined;
      const [version, fresh] = [before.version + 1, join(place, `${randomUUID()}.tmp`)];
      await writeFile(fresh, text, { mode: 0o600 });
      try {
        // The name is the version, and link(2) fails if it exists: one save of a version wins.
        await link(fresh, join(place, String(version)));
        return String(version);
      } catch (error) {
        return unless("EEXIST", () => undefined)(error);
      } finally {
        await rm(fresh, { force: true });
      }
    },
  };
}

/** Another answer than the failure, for one that is expected. */
function unless<T>(code: string, answer: () => T): (error: unknown) => T {
  return (error) => {
    if (systemErrorCode(error) !== code) throw error;
    return answer();
  };
}
