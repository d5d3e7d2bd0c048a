// `npm test [-- FILE…]`: installs and builds what is needed, then runs every test file, or those named.
import { spawnSync } from "node:child_process";
import { prepare, root, testFiles } from "./setup.js";

prepare();
const named = process.argv.slice(2);
// The spec reporter ends with the summary that continuous integration reads.
const { status } = spawnSync(process.execPath, ["--import", "tsx", "--test", "--test-reporter", "spec", ...(named.length > 0 ? named : testFiles())], { cwd: root, stdio: "inherit" });
process.exitCode = status ?? 1;
