import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import assert from "node:assert/strict";
import { until } from "../helpers/until.ts";
import { contractAt } from "./stores/contract.ts";
import { etcdServer } from "./stores/servers.ts";

await contractAt("etcd", etcdServer);

test("a program ends that has watched an etcd which is not there", async (t) => {
  const make = new URL("stores/make.js", import.meta.url).href;
  const program = `
    const { makeStore } = await import(${JSON.stringify(make)});
    const store = await makeStore("etcd", "http://127.0.0.1:9");
    const stop = store.watch("key", () => undefined);
    stop();
    await store.close();`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], { stdio: "inherit" });
  t.after(() => child.kill("SIGKILL"));
  assert.deepEqual(await until("the program ends", once(child, "exit")), [0, null]);
});
