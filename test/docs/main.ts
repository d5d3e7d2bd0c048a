// `npm run api-docs`: brings what the documents take from the code up to date.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../helpers/import-graph.ts";
import { documents } from "./documents.ts";

for (const [path, text] of await documents()) writeFileSync(join(root, path), text);
