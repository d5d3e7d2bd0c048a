// `npm run test:runtimes [-- FILE…]`: every test file, or those named, on each Node that is supported and is not this one.
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { prepare, root, testFiles } from "./setup.js";

prepare();
const folder = join(root, "test", "peers", "runtimes");
execFileSync("npm", ["ci", "--prefix", folder, "--no-audit", "--no-fund", "--ignore-scripts"], { stdio: ["ignore", "ignore", "inherit"] });

const named = process.argv.slice(2);
const files = named.length > 0 ? named : testFiles();
// What is a matter of chance and is tried a hundred times by `npm test` is tried a few times here.
const env = { KILL_ROUNDS: "8", ...process.env };
const { devDependencies } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
for (const name of Object.keys(devDependencies)) {
  const node = join(folder, "node_modules", name, "bin", "node");
  console.log(`\n${name}: ${execFileSync(node, ["--version"], { encoding: "utf8" }).trim()}`);
  // The tests start the command with their own `process.execPath`, so it runs on the same Node.
  const { status } = spawnSync(node, ["--import", "tsx", "--test", "--test-timeout=600000", "--test-reporter=dot", ...files], { cwd: root, stdio: "inherit", env });
  if (status !== 0) process.exitCode = 1;
}
