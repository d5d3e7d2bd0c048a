// `npm test [-- FILE…]`: installs and builds what is needed, then runs every test file, or those named.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { prepare, root } from "./setup.js";

prepare();
// test/peers has dependencies of its own and is run by itself.
const isOurs = (path) => path.endsWith(".test.ts") && !path.startsWith("peers");
const found = () =>
  readdirSync(join(root, "test"), { recursive: true })
    .filter(isOurs)
    .sort()
    .map((path) => join("test", path));
const named = process.argv.slice(2);
// The spec reporter ends with the summary that continuous integration reads.
const { status } = spawnSync(process.execPath, ["--import", "tsx", "--test", "--test-reporter", "spec", ...(named.length > 0 ? named : found())], { cwd: root, stdio: "inherit" });
process.exitCode = status ?? 1;
