#!/usr/bin/env node
// CommonJS, unlike everything else: an old Node runs it far enough to say that it is too old, and `--version`, which people run to
// see whether the program is installed at all, does not wait for the module loader.
"use strict";

const argv = process.argv.slice(2);
const [major, minor] = process.versions.node.split(".").map(Number);
let isFailureReported = false;
process.stdout.on("error", ({ code }) => {
  // The reader may stop early: `spec-kitty … | head -1` is not a failure.
  if (code === "EPIPE") process.exit(0);
  // Any other error is a failure, even if it is reported late. The work goes on, or a session could be lost.
  if (!isFailureReported) fail(`the output could not be written (${code})`, "Free some space, or redirect the output to another place");
  isFailureReported = true;
});

function fail(message, hint) {
  process.stderr.write(`error: ${message}\nhint: ${hint}\n`);
  process.exitCode = process.exitCode || 1;
}

if (major < 20 || (major === 20 && minor < 18)) {
  fail(`spec-kitty needs Node 20.18 or later, and this is ${process.versions.node}`, "Install a newer Node, then run the command again");
} else if (argv[0] === "--version" || argv[0] === "-V") {
  process.stdout.write(`${require("../package.json").version}\n`);
} else {
  // A program that runs out of work before there is an outcome has not succeeded. One that is ended on purpose does not get here.
  let isDone = false;
  process.once("beforeExit", () => isDone || fail("the command ended before its work was done", "This is a bug. Run it again with --debug to see more"));
  import("../dist/cli/main.js")
    .then(({ main }) => main(argv))
    .then((code) => (process.exitCode = code || process.exitCode))
    // No more files can be opened, or the installation is damaged: there is no program left to say so.
    .catch(({ code, message }) => fail(`the program could not be loaded (${code ?? message})`, "Close some programs or raise the limit of open files, or reinstall it"))
    .finally(() => (isDone = true));
}
