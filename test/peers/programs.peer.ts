// The documents' programs that need other packages, in every state of their users.
import type { TestContext } from "node:test";
import type { SharedStore } from "../../src/auth/sessions/shared-store.ts";
import { loggedIn, programs, testInEveryState, type Storage } from "../helpers/programs.ts";
import { redisServer } from "./stores/servers.ts";

const { makeStore } = (await import(new URL("stores/make.js", import.meta.url).href)) as {
  makeStore(name: string, url: string): Promise<SharedStore>;
};

/** For each state. */
async function redis(t: TestContext): Promise<Storage> {
  const server = await redisServer();
  t.after(() => server.end());
  await server.start();
  const store = await makeStore("node-redis", server.url);
  t.after(() => store.close?.());
  const seal = Buffer.alloc(32, 7);
  const storage: Storage = {
    env: { ACME_SEAL: seal.toString("base64"), REDIS_URL: server.url },
    options: { store, seal, profile: "worker" },
    async fail(machine) {
      await loggedIn(machine, storage, 3_600_000);
      await server.kill();
      return {};
    },
    recover: () => server.start(),
  };
  return storage;
}

testInEveryState(
  programs.filter(({ needs }) => needs !== undefined),
  ({ needs }, t) => (needs === "redis" ? redis(t) : undefined),
);
