// `npm run build`: makes `dist/` from `src/`.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "./bundle.ts";
import { rollUp, withDeclarations } from "./types.ts";

const dist = fileURLToPath(new URL("../../dist", import.meta.url));
const types = withDeclarations((folder) => rollUp(join(folder, "index.d.ts")));
const made = new Map([...(await bundle()), ["index.d.ts", types]]);

mkdirSync(dist, { recursive: true });
for (const [name, text] of made) {
  // What is as it should be stays untouched: a process may be loading it.
  if (!existsSync(join(dist, name)) || readFileSync(join(dist, name), "utf8") !== text) writeFileSync(join(dist, name), text);
}
for (const name of readdirSync(dist)) if (!made.has(name)) rmSync(join(dist, name), { recursive: true });
