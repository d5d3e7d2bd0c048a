// `node --import ./test/typescript.js FILE.ts`: runs the TypeScript of src/ and test/ on every supported Node, in the same way.
// The compiler has run before, once for all processes (`prepare` in setup.js); a process that loads a .ts file gets what the
// compiler made of it. The module keeps the URL of the .ts file, and stack traces name its lines.
import { readFileSync } from "node:fs";
import * as nodeModule from "node:module";
import { isMainThread } from "node:worker_threads";

const root = new URL("..", import.meta.url).href;
const compiled = new URL("../node_modules/.cache/spec-kitty/", import.meta.url).href;

/** A module hook (see `node:module`): gives the compiled source of a .ts file, and leaves every other module alone. */
export function load(url, context, nextLoad) {
  const [file] = url.split(/[?#]/);
  if (!file.startsWith(root) || !file.endsWith(".ts")) return nextLoad(url, context);
  const source = readFileSync(new URL(file.slice(root.length).replace(/\.ts$/, ".js"), compiled), "utf8");
  return { format: "module", shortCircuit: true, source, responseURL: url };
}

// Node 20 has no hooks but those that run in a thread of their own, which loads this file again. The thread takes 30 ms of
// every process, and an exchange of messages for each `import()`: where it can be, the loader of this thread is changed.
if (nodeModule.registerHooks) nodeModule.registerHooks({ load });
else if (process.execArgv.includes("--expose-internals")) {
  const { getOrInitializeCascadedLoader } = nodeModule.createRequire(import.meta.url)("internal/modules/esm/loader");
  const loader = getOrInitializeCascadedLoader();
  const nextLoad = loader.load.bind(loader);
  loader.load = async (url, context) => load(url, context, nextLoad);
} else if (isMainThread) nodeModule.register(import.meta.url);
process.setSourceMapsEnabled(true);
