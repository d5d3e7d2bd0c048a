import { after } from "node:test";
import type { StoreServer } from "./servers.ts";

/** The package's own tests for stores, against a server. @param name - of the maker in make.js */
export async function contractAt(name: string, make: () => Promise<StoreServer>): Promise<void> {
  const server = await make();
  after(() => server.end());
  await server.start();
  // Also for child processes.
  Object.assign(process.env, { STORE: name, STORE_URL: server.url });
  const published = new URL("../../../dist/app/stores.js", import.meta.url).href;
  const { testStore } = (await import(published)) as typeof import("../../../src/app/stores.ts");
  await testStore(new URL("make.js", import.meta.url).href);
}
