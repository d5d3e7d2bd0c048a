// A process that drains one account's queue at the fake service: `drain-process.ts FOLDER URL TOKEN`.
import { systemClock } from "../../src/platform/clock.ts";
import { SyncRuntime } from "../../src/sync/runtime.ts";
import { alice, bearerFetch } from "./support.ts";

const [, , folder = "", url = "", token = ""] = process.argv;
const runtime = new SyncRuntime({
  folder,
  fetch: () => bearerFetch(url, token),
  clock: systemClock,
  origin: () => Promise.resolve({ profile: "default", service: url, account: alice(url) }),
  nodeId: "0123456789ab",
});
console.log(JSON.stringify((await runtime.flush()).events));
