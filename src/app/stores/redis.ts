import { randomUUID } from "node:crypto";
import type { SharedStore } from "../../auth/sessions/shared-store.ts";

/** The part of a client of node-redis that is used. */
export interface NodeRedis {
  readonly isOpen: boolean;
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
  duplicate(): {
    on(event: "error", listener: (error: Error) => void): unknown;
    connect(): Promise<unknown>;
    subscribe(channel: string, listener: () => void): Promise<unknown>;
    unsubscribe(channel: string, listener: () => void): Promise<unknown>;
    destroy(): void;
  };
}

/** The part of a client of ioredis that is used. */
export interface IoRedis {
  readonly status: string;
  eval(script: string, keys: number, ...args: string[]): Promise<unknown>;
  duplicate(): {
    on(event: "message", listener: (channel: string) => void): unknown;
    on(event: "error", listener: (error: Error) => void): unknown;
    subscribe(channel: string): Promise<unknown>;
    unsubscribe(channel: string): Promise<unknown>;
    disconnect(): void;
  };
}

const load = 'return redis.call("HMGET", KEYS[1], "text", "version")';
/** One script is one atomic step. The version is random, so a key removed and made again has another. */
const save = `
if (redis.call("HGET", KEYS[1], "version") or "") ~= ARGV[1] then return false end
if ARGV[3] == "" then redis.call("DEL", KEYS[1])
else redis.call("HSET", KEYS[1], "version", ARGV[2], "text", ARGV[3]) end
redis.call("PUBLISH", KEYS[1], "")
return ARGV[2]`;

/**
 * Logins in Redis or Valkey, one hash each. Changes are published on a channel of the key's name; a second connection
 * listens.
 *
 * @param client - a connected client of node-redis or ioredis
 */
export function redisStore(client: NodeRedis | IoRedis): SharedStore {
  const run = (script: string, key: string, ...args: string[]): Promise<unknown> =>
    "isOpen" in client ? client.eval(script, { keys: [key], arguments: args }) : client.eval(script, 1, key, ...args);
  let listening: Listening | undefined;
  let watchers = 0;
  return {
    name: "Redis",
    async load(key) {
      const [text, version] = (await run(load, key)) as [string | null, string | null];
      return text === null || version === null ? undefined : { text, version };
    },
    async save(key, text = "", { ifVersion = "" }) {
      return ((await run(save, key, ifVersion, randomUUID(), text)) as string | null) ?? undefined;
    },
    watch(key, changed) {
      listening ??= "isOpen" in client ? nodeRedisChannels(client) : ioRedisChannels(client);
      watchers += 1;
      const stop = listening.to(key, changed);
      return () => {
        watchers -= 1;
        stop();
      };
    },
    async close() {
      // Another login of this program may still wait, and will close the store.
      if (watchers > 0) return;
      listening?.end();
      listening = undefined;
    },
  };
}

/** Listens to channels. A failure costs only time: the library also polls. */
interface Listening {
  to(channel: string, changed: () => void): () => void;
  end(): void;
}

const nothing = (): void => undefined;

function nodeRedisChannels(client: NodeRedis): Listening {
  const connection = client.duplicate();
  connection.on("error", nothing);
  const connected = connection.connect();
  connected.catch(nothing);
  return {
    to(channel, changed) {
      connected.then(() => connection.subscribe(channel, changed)).catch(nothing);
      return () => void connected.then(() => connection.unsubscribe(channel, changed)).catch(nothing);
    },
    end: () => connection.destroy(),
  };
}

function ioRedisChannels(client: IoRedis): Listening {
  const connection = client.duplicate();
  const listeners = new Map<string, Set<() => void>>();
  connection.on("error", nothing);
  connection.on("message", (channel) => listeners.get(channel)?.forEach((changed) => changed()));
  return {
    to(channel, changed) {
      const those = listeners.get(channel) ?? new Set();
      if (those.size === 0) connection.subscribe(channel).catch(nothing);
      listeners.set(channel, those.add(changed));
      return () => {
        those.delete(changed);
        if (those.size > 0) return;
        listeners.delete(channel);
        connection.unsubscribe(channel).catch(nothing);
      };
    },
    end: () => connection.disconnect(),
  };
}
