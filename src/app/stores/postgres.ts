import { randomUUID } from "node:crypto";
import type { SharedStore } from "../../auth/sessions/shared-store.ts";

/** The part of a pool of `pg` that is used. */
export interface PostgresPool {
  query(text: string, values?: unknown[]): Promise<{ rows: Record<string, unknown>[] }>;
  connect(
    done: (
      error: Error | undefined,
      client:
        | {
            query(text: string): Promise<unknown>;
            on(
              event: "notification",
              listener: (message: { channel: string; payload?: string | undefined }) => void,
            ): unknown;
            on(event: "error", listener: (error: Error) => void): unknown;
            release(error?: Error | boolean): void;
          }
        | undefined,
    ) => void,
  ): void;
}

/**
 * Logins in PostgreSQL, one row each; a missing table is created. A waiting process listens on one connection of the
 * pool.
 *
 * @param pool - from `pg`
 * @param options - `table`: `shared_logins` by default; may include a schema
 * @throws TypeError for an invalid table name
 */
export function postgresStore(pool: PostgresPool, { table = "shared_logins" }: { table?: string } = {}): SharedStore {
  if (!/^([a-z_][a-z0-9_]*\.)?[a-z_][a-z0-9_]*$/.test(table)) throw new TypeError(`"${table}" is not a table's name`);
  const channel = table.replace(".", "_");
  const create = `CREATE TABLE IF NOT EXISTS ${table} (key text PRIMARY KEY, text text NOT NULL, version text NOT NULL)`;
  const query = async (text: string, values: unknown[]): Promise<Record<string, unknown>[]> => {
    try {
      return (await pool.query(text, values)).rows;
    } catch (error) {
      if ((error as { code?: unknown }).code !== "42P01") throw error;
      // Two programs may create it at once: the second one fails harmlessly.
      await pool.query(create).catch(() => undefined);
      return (await pool.query(text, values)).rows;
    }
  };
  const listeners = new Map<string, Set<() => void>>();
  /** Returns the listening connection to the pool. */
  let listening: Promise<(why: Error | true) => void> | undefined;
  const listen = (): Promise<(why: Error | true) => void> => {
    const own = new Promise<(why: Error | true) => void>((resolve, reject) => {
      // Not awaited: a server that shuts down may say so with its greeting, and an unhandled error would end the
      // program.
      pool.connect((error, client) => {
        if (client === undefined) return reject(error);
        let isReleased = false;
        // A broken connection emits two errors, and a client is released once.
        const release = (why: Error | true): void => {
          if (listening === own) listening = undefined;
          if (!isReleased) client.release(why);
          isReleased = true;
        };
        client.on("error", release);
        client.on("notification", ({ payload = "" }) => listeners.get(payload)?.forEach((changed) => changed()));
        client.query(`LISTEN ${channel}`).then(
          () => resolve(release),
          (cause: Error) => {
            release(cause);
            reject(cause);
          },
        );
      });
    });
    return own;
  };
  const end = async (): Promise<void> => {
    const ending = listening;
    listening = undefined;
    (await ending?.catch(() => undefined))?.(true);
  };
  return {
    name: "PostgreSQL",
    async load(key) {
      const [row] = await query(`SELECT text, version FROM ${table} WHERE key = $1`, [key]);
      return row && { text: String(row["text"]), version: String(row["version"]) };
    },
    async save(key, text, { ifVersion }) {
      const version = randomUUID();
      const change =
        text === undefined
          ? `DELETE FROM ${table} WHERE key = $1 AND version = $2 RETURNING $3::text AS version, $4::text AS text`
          : ifVersion === undefined
            ? `INSERT INTO ${table} (key, version, text) SELECT $1, $3, $4 WHERE $2::text IS NULL ON CONFLICT DO NOTHING RETURNING version`
            : `UPDATE ${table} SET version = $3, text = $4 WHERE key = $1 AND version = $2 RETURNING version`;
      const notified = `WITH changed AS (${change}) SELECT version, pg_notify('${channel}', $1) FROM changed`;
      const [row] = await query(notified, [key, ifVersion ?? null, version, text ?? null]);
      return row && version;
    },
    watch(key, changed) {
      const own = (listening ??= listen());
      own.catch(() => {
        if (listening === own) listening = undefined;
      });
      const those = listeners.get(key) ?? new Set();
      listeners.set(key, those.add(changed));
      return () => {
        those.delete(changed);
        if (those.size === 0) listeners.delete(key);
        // Ending a pool waits for every client.
        if (listeners.size === 0) void end();
      };
    },
    // Another login of this program may still wait, and will close the store.
    close: async () => (listeners.size === 0 ? end() : undefined),
  };
}
