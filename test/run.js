// `npm test [-- FILE-OR-FOLDER…] [OPTION…]`: installs and builds what is needed, then runs every test file, or those named. Options
// are those of Node's runner, with an `=` before their value.
import { chosen, memory, runTests, testFiles } from "./runner.js";
import { prepare } from "./setup.js";

const tests = chosen(testFiles());
prepare();
// The spec reporter ends with the summary that continuous integration reads.
process.exitCode = await runTests(tests, { place: memory() });
