// `node --import tsx test/docs/picture.ts [NAME…]`: takes the pictures of the documents anew, or those that are named. Needs tmux, Chromium and
// the built command.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { root } from "../helpers/import-graph.ts";
import { photograph, recordPages } from "./pages.ts";
import { pictureFile, record, screens } from "./screens.ts";
import { drawScreen } from "./terminal-picture.ts";

const cleanUp: (() => unknown)[] = [];
const t = { after: (step?: unknown) => void cleanUp.push(step as () => unknown) };
const named = process.argv.slice(2);
const isWanted = (name: string): boolean => named.length === 0 || named.includes(name);
try {
  for (const [name, scenario] of Object.entries(screens)) {
    if (isWanted(name))
      writeFileSync(join(root, pictureFile(name)), drawScreen(await record(t, scenario), scenario.title));
  }
  for (const [name, page] of named.length === 0 || named.some((one) => one.startsWith("page-"))
    ? await recordPages(t)
    : []) {
    if (isWanted(name)) photograph(t, page, fileURLToPath(new URL(`${name}.png`, import.meta.url)));
  }
} finally {
  for (const step of cleanUp) await step();
}
