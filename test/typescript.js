// `node --import ./test/typescript.js FILE.ts`: runs the TypeScript of src/ and test/ on every supported Node, in the same way.
// The compiler has run before, once for all processes (`prepare` in setup.js); a process that loads a .ts file gets what the
// compiler made of it. The module keeps the URL of the .ts file, and stack traces name its lines.
import { readFileSync } from "node:fs";
import * as nodeModule from "node:module";
import { isMainThread } from "node:worker_threads";

const root = new URL("..", import.meta.url).href;
const compiled = new URL("../node_modules/.cache/spec-kitty/", import.meta.url).href;

/** What the compiler made of a file; undefined for any other. */
function compiledFile(url) {
  const [file] = url.split(/[?#]/);
  if (!file.startsWith(root) || !file.endsWith(".ts")) return undefined;
  return readFileSync(new URL(file.slice(root.length).replace(/\.ts$/, ".js"), compiled), "utf8");
}

/** A module hook (see `node:module`): gives the compiled source of a .ts file, and leaves every other module alone. */
export function load(url, context, nextLoad) {
  const source = compiledFile(url);
  return source === undefined ? nextLoad(url, context) : { format: "module", shortCircuit: true, source };
}

const maps = new Map();

function mapOf(url) {
  const data = compiledFile(url)?.split("sourceMappingURL=data:application/json;base64,").at(-1);
  return data === undefined ? undefined : new nodeModule.SourceMap(JSON.parse(Buffer.from(data, "base64").toString()));
}

/** The place in the .ts file. Maps are read for an error: Node's own way reads all of them as files are loaded, which every test would pay for. */
function placeOf(place, url, line, column) {
  if (!maps.has(url)) maps.set(url, mapOf(url));
  const { originalLine, originalColumn } = maps.get(url)?.findEntry(line - 1, column - 1) ?? {};
  return originalLine === undefined ? place : `${url}:${originalLine + 1}:${originalColumn + 1}`;
}

// Node 20 has no hooks but those that run in a thread of their own, which loads this file again.
if (nodeModule.registerHooks) nodeModule.registerHooks({ load });
else if (isMainThread) nodeModule.register(import.meta.url);
Error.prepareStackTrace = (error, frames) =>
  [
    Error.prototype.toString.call(error),
    ...frames.map((frame) => `    at ${frame}`.replace(/(file:\S+\.ts):(\d+):(\d+)/, placeOf)),
  ].join("\n");
