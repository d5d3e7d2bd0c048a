// `npm run test:runtimes [-- FILE…]`: what a version of Node can change, or the files that are named, on each supported Node that is not
// this one; then the command and the library on Bun and Deno.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { chosen, filesBelow, runTests } from "./runner.js";
import { install, prepare, root } from "./setup.js";

// The gate runs every test on the oldest Node (`npm test`) and on the newest (`.ci/anybody`): what one version changes, later ones have
// too. Between them it runs these, which mirror the places where src/ meets the runtime (test/architecture.test.ts keeps it to them), or
// start the command. What else there is judges values. The matrix of .github/workflows/ci.yml runs every test on every version.
const meetsRuntime = [
  "acceptance",
  "auth/loopback",
  "auth/secure-storage",
  "auth/websocket",
  "http",
  "platform",
  "security",
];

const isNamed = process.argv.length > 2;
const tests = chosen(meetsRuntime.flatMap((folder) => filesBelow(join("test", folder))));
prepare();
const folder = join(root, "test", "peers", "runtimes");
install(folder);

const { devDependencies } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
const versions = Object.keys(devDependencies).filter((name) => name.startsWith("node-"));
for (const name of isNamed ? versions : versions.slice(0, -1)) {
  const node = join(folder, "node_modules", name, "bin", "node");
  console.log(`\n${name}: ${execFileSync(node, ["--version"], { encoding: "utf8" }).trim()}`);
  // The tests start the command with their own `process.execPath`, so it runs on the same Node.
  if ((await runTests(tests, { node, reporter: "dot" })) !== 0) process.exitCode = 1;
}

if (!isNamed && (await runTests([join("test", "peers", "runtimes", "bun-and-deno.test.ts")])) !== 0)
  process.exitCode = 1;
