// `npm run test:runtimes [-- FILE…]`: every test file, or those named, on each Node that is supported and is not this one; then the
// command and the library on Bun and Deno.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { chosen, runTests, testFiles } from "./runner.js";
import { install, prepare, root } from "./setup.js";

const tests = chosen(testFiles());
prepare();
const folder = join(root, "test", "peers", "runtimes");
install(folder);

// What is a matter of chance and is tried thirty times by `npm test` is tried a few times here.
const env = { KILL_ROUNDS: "8", ...process.env };
const { devDependencies } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
for (const name of Object.keys(devDependencies).filter((name) => name.startsWith("node-"))) {
  const node = join(folder, "node_modules", name, "bin", "node");
  console.log(`\n${name}: ${execFileSync(node, ["--version"], { encoding: "utf8" }).trim()}`);
  // The tests start the command with their own `process.execPath`, so it runs on the same Node.
  if ((await runTests(tests, { node, reporter: "dot", env })) !== 0) process.exitCode = 1;
}

if (process.argv.length === 2 && (await runTests([join("test", "peers", "runtimes", "bun-and-deno.test.ts")])) !== 0)
  process.exitCode = 1;
