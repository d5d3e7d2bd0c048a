// `npm run test:runtimes [-- FILE…]`: the tests of what a version of Node can change, or the files that are named, on each supported
// Node that is not this one; then the command and the library on Bun and Deno.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Where src/ meets the runtime (test/architecture.test.ts keeps it to these), and what starts the command. What else there is judges values. */
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
const tests = isNamed ? process.argv.slice(2) : meetsRuntime.flatMap(testsIn);
const runtimes = "test/peers/runtimes";
const { devDependencies } = JSON.parse(readFileSync(join(runtimes, "package.json"), "utf8"));
for (const name of Object.keys(devDependencies).filter((name) => name.startsWith("node-"))) {
  console.log(`\n${name}`);
  // The tests start the command with their own `process.execPath`, so it runs on the same Node.
  run(join(runtimes, "node_modules", name, "bin", "node"), ["--test-reporter=dot", ...tests]);
}
if (!isNamed) run(process.execPath, [join(runtimes, "bun-and-deno.peer.ts")]);

function testsIn(folder) {
  const names = readdirSync(join("test", folder), { recursive: true }).filter((name) => name.endsWith(".test.ts"));
  return names.map((name) => join("test", folder, name));
}

function run(node, args) {
  const { status } = spawnSync(node, ["--import", "tsx", "--test", ...args], { stdio: "inherit" });
  process.exitCode ||= status ?? 1;
}
