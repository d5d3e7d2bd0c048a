// `npm test [-- FILE-OR-FOLDER…]`: installs and builds what is needed, then runs every test file, or those named.
import { join, relative, resolve } from "node:path";
import { prepare, root, runTests, testFiles } from "./setup.js";

prepare();
const named = process.argv.slice(2).flatMap((path) => (path.endsWith(".ts") ? [path] : filesIn(path)));
// The spec reporter ends with the summary that continuous integration reads.
process.exitCode = runTests(named.length > 0 ? named : testFiles());

/** The test files in a folder. A name that stands for no test must not look like tests that have passed. */
function filesIn(path) {
  const folder = relative(root, resolve(path));
  const files = testFiles().filter((file) => file.startsWith(join(folder, "/")));
  if (files.length === 0) {
    console.error(`there is no test in "${path}"`);
    process.exit(1);
  }
  return files;
}
