import { contractAt } from "./stores/contract.ts";
import { etcdServer } from "./stores/servers.ts";

await contractAt("etcd", etcdServer);
