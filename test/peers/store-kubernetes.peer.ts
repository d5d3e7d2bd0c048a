import { contractAt } from "./stores/contract.ts";
import { fakeKubernetes } from "./stores/servers.ts";

await contractAt("Kubernetes", fakeKubernetes);
