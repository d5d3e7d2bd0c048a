// `npm run test:peers [-- FILE…]`: the tests against programs of others: a certified OpenID provider, a real browser, a real key
// ring, another's QR decoder. They have dependencies of their own, which are installed here.
import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { prepare, root } from "./setup.js";

prepare();
const folder = join(root, "test", "peers");
execFileSync("npm", ["ci", "--prefix", folder, "--no-audit", "--no-fund", "--ignore-scripts"], { stdio: ["ignore", "ignore", "inherit"], shell: process.platform === "win32" });

const named = process.argv.slice(2);
const found = readdirSync(folder)
  .filter((name) => name.endsWith(".test.ts"))
  .map((name) => join("test", "peers", name));
const { status } = spawnSync(process.execPath, ["--import", "tsx", "--test", "--test-reporter", "spec", ...(named.length > 0 ? named : found)], { cwd: root, stdio: "inherit" });
process.exitCode = status ?? 1;
