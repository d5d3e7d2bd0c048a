import { contractAt } from "./stores/contract.ts";
import { redisServer } from "./stores/servers.ts";

await contractAt("node-redis", redisServer);
