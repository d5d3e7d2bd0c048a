#!/usr/bin/env node
// CommonJS, unlike everything else: an old Node runs it far enough to say that it is too old, and `--version`, which is how one
// looks whether the program is there at all, does not wait for the module loader.
"use strict";

const { name, version } = require("../package.json");
const argv = process.argv.slice(2);
const [major, minor] = process.versions.node.split(".").map(Number);

function fail(message, hint) {
  process.stderr.write(`error: ${message}\nhint: ${hint}\n`);
  process.exitCode = 1;
}

if (major < 20 || (major === 20 && minor < 18)) {
  fail(
    `${name} needs Node.js 20.18 or later, and this is ${process.versions.node}`,
    "Install a newer version, then run the command again",
  );
} else if (argv[0] === "--version" || argv[0] === "-V") {
  process.stdout.on(
    "error",
    ({ code }) =>
      code === "EPIPE" ||
      fail(`cannot write the output (${code})`, "Free some space, or redirect the output elsewhere"),
  );
  process.stdout.write(`${version}\n`);
} else {
  import("../dist/cli/main.js")
    .then(({ createCommand }) =>
      createCommand({
        name,
        version,
        issuer: undefined,
        commands: ["auth", "api", "sync", "tracker", "completion"],
      }).run(argv),
    )
    .then((code) => (process.exitCode = code || process.exitCode))
    // No file can be opened any more, or the installation is damaged: there is no program to say it.
    .catch(({ code, message }) => {
      const isMissing = code === "ERR_MODULE_NOT_FOUND";
      fail(
        `cannot load the program (${code ?? message})`,
        isMissing
          ? "Install it again; in a clone, build it: npm run build"
          : "Close some programs, or raise the limit on open files",
      );
    });
}
