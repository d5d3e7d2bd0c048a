import { contractAt } from "./stores/contract.ts";
import { postgresServer } from "./stores/servers.ts";

await contractAt("PostgreSQL", postgresServer);
