// `npm test [-- FILE…]`: installs and builds what is needed, then runs every test file, or those named.
import { prepare, runTests, testFiles } from "./setup.js";

prepare();
const named = process.argv.slice(2);
// The spec reporter ends with the summary that continuous integration reads.
process.exitCode = runTests(named.length > 0 ? named : testFiles());
