#!/usr/bin/env node
// CommonJS, unlike all the rest: an old Node runs it far enough to say that it is too old, and whoever asks for the version, to
// see whether the program is there at all, does not wait for the loader of modules.
"use strict";

const argv = process.argv.slice(2);
const [major, minor] = process.versions.node.split(".").map(Number);
let isToldOfFailure = false;
process.stdout.on("error", ({ code }) => {
  // Whoever reads the answer may stop reading: `spec-kitty … | head -1` is no failure.
  if (code === "EPIPE") process.exit(0);
  // Anything else is one, also when it is heard of after the end; the work goes on, or a session could be lost.
  if (!isToldOfFailure) process.stderr.write(`error: the answer could not be written (${code})\nhint: Free some space, or send the answer somewhere else\n`);
  isToldOfFailure = true;
  process.exitCode = process.exitCode || 1;
});

if (major < 20 || (major === 20 && minor < 18)) {
  process.stderr.write(`error: this is Node ${process.versions.node}, and spec-kitty needs 20.18 or later\nhint: Install a newer Node, and run the command again\n`);
  process.exitCode = 1;
} else if (argv[0] === "--version" || argv[0] === "-V") {
  process.stdout.write(`${require("../package.json").version}\n`);
} else {
  import("../dist/cli/main.js")
    .then(({ main }) => main(argv))
    .then((code) => (process.exitCode = code || process.exitCode));
}
