/** Places that several machines share, for the option `store` of `createAuth` and `createCommand`. */
export type { SharedStore, StoredText } from "../auth/sessions/shared-store.ts";
export type { KeyWrapper, Seal } from "../auth/sessions/shared-sealing.ts";
export { etcdStore, type EtcdClient, type EtcdOperation, type EtcdWatcher } from "./stores/etcd.ts";
export { fileStore } from "./stores/file.ts";
export { kubernetesSecretStore, type KubernetesApi, type KubernetesSecret } from "./stores/kubernetes.ts";
export { postgresStore, type PostgresClient, type PostgresPool } from "./stores/postgres.ts";
export { redisStore, type IoRedis, type NodeRedis } from "./stores/redis.ts";
