import { rmSync } from "node:fs";
import { after } from "node:test";

after(() => rmSync(process.env["STORE_FOLDER"] ?? "", { recursive: true, force: true }));
// As published: it starts processes that import the package.
const published = new URL("../../dist/app/stores.js", import.meta.url).href;
const { testStore } = (await import(published)) as typeof import("../../src/app/stores.ts");
await testStore(new URL("file-store.js", import.meta.url).href);
