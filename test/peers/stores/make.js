// Makes the store named by STORE with its client, as a short program does.
import { once } from "node:events";
import { etcdStore, kubernetesSecretStore, postgresStore, redisStore } from "../../../dist/app/stores.js";

const makers = {
  async "node-redis"(url) {
    const { createClient } = await import("redis");
    const client = createClient({ url, socket: { reconnectStrategy: 100 }, disableOfflineQueue: true });
    client.on("error", () => undefined);
    // Without a connection each call fails, and the library tries again.
    await Promise.race([client.connect(), once(client, "error")]);
    return ending(redisStore(client), () => client.destroy());
  },
  async ioredis(url) {
    const { Redis } = await import("ioredis");
    const client = new Redis(url, { retryStrategy: () => 100, maxRetriesPerRequest: 1 });
    client.on("error", () => undefined);
    return ending(redisStore(client), () => client.disconnect());
  },
  async PostgreSQL(url) {
    const { default: pg } = await import("pg");
    const pool = new pg.Pool({ connectionString: url, max: 16, connectionTimeoutMillis: 2_000 });
    pool.on("error", () => undefined);
    return ending(postgresStore(pool), () => pool.end());
  },
  async etcd(url) {
    const { Etcd3 } = await import("etcd3");
    const client = new Etcd3({ hosts: url });
    return ending(etcdStore(client), () => client.close());
  },
  async Kubernetes(url) {
    const { CoreV1Api, KubeConfig } = await import("@kubernetes/client-node");
    const config = new KubeConfig();
    config.loadFromClusterAndUser({ name: "fake", server: url, skipTLSVerify: true }, { name: "worker" });
    return kubernetesSecretStore(config.makeApiClient(CoreV1Api), { namespace: "default" });
  },
};

/** The client ends after the store. */
function ending(store, end) {
  return {
    ...store,
    async close() {
      await store.close?.();
      await end();
    },
  };
}

/** By default for the environment's server, as in child processes. */
export const makeStore = (name = process.env.STORE, url = process.env.STORE_URL) => makers[name](url);
