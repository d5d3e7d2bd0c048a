/** Stores that several machines share, for the option `store` of `createAuth` and `createCommand`. */
export type { SharedStore } from "../auth/sessions/shared-store.ts";
export type { Seal } from "../auth/sessions/shared-sealing.ts";
export { etcdStore, type EtcdClient } from "./stores/etcd.ts";
export { fileStore } from "./stores/file.ts";
export { kubernetesSecretStore, type KubernetesApi, type KubernetesSecret } from "./stores/kubernetes.ts";
export { postgresStore, type PostgresPool } from "./stores/postgres.ts";
export { redisStore, type IoRedis, type NodeRedis } from "./stores/redis.ts";

/**
 * Tests a store with `node:test`; some of the tests stop or kill processes.
 *
 * @param url - of a module with `makeStore`, which returns a {@link SharedStore} or a promise of one
 */
export async function testStore(url: string): Promise<void> {
  (await import("./stores/contract.ts")).testContract(url);
}
