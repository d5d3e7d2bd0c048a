// Preloaded by every process of a test: what costs much, a thousand times in a run, and shows nothing.
"use strict";

const fs = require("node:fs");
const { syncBuiltinESMExports } = require("node:module");
const { tmpdir } = require("node:os");

// The parser of the runtime's `fetch` is WebAssembly, and Node 20 optimizes all of it at the first request, which takes some 50 ms of a
// processor: as long as all else that a command does. Here it is compiled without that. Later versions of Node optimize what is used
// often, and nothing changes for them.
if (Number.parseInt(process.versions.node, 10) < 22) {
  const { compile } = WebAssembly;
  WebAssembly.compile = (source) => {
    // Loaded only here: it takes 3 ms of every process.
    require("node:v8").setFlagsFromString("--liftoff-only");
    return compile(source);
  };
}

// Node's runner follows every promise and callback, to tell the suite of a test, and the test of an error that nobody catches: a tenth
// of a process's time. Such an error fails the process, see time-limit.ts. Only test/peers has suites.
if (!/[/\\]peers[/\\]/.test(process.argv[1] ?? ""))
  require("node:async_hooks").createHook = () => ({ enable() {}, disable() {} });

// A flushed file survives a loss of power, and no test has one: that a file is flushed, and when, is seen by the call. Each call would
// wait for the disk, and make every other process wait. A disk of the test's own, which may be full or gone, is flushed.
const { fstatSync, fsyncSync, statSync } = fs;
let scratch;
fs.fsyncSync = (fd) => {
  scratch ??= statSync(tmpdir(), { throwIfNoEntry: false })?.dev;
  if (fstatSync(fd).dev !== scratch) fsyncSync(fd);
};
fs.fsync = (fd, done) => {
  let error = null;
  try {
    fs.fsyncSync(fd);
  } catch (thrown) {
    error = thrown;
  }
  process.nextTick(done, error);
};
syncBuiltinESMExports();
