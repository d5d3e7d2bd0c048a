// Preloaded by every process of a test. The parser of the runtime's `fetch` is WebAssembly, and Node 20 optimizes all of it at the first
// request, which takes some 50 ms of a processor: as long as all else that a command does, a thousand times in a run of the tests. Here it is
// compiled without that. Later versions of Node optimize what is used often, and nothing changes for them.
"use strict";

if (Number.parseInt(process.versions.node, 10) < 22) {
  const { compile } = WebAssembly;
  WebAssembly.compile = (source) => {
    process.getBuiltinModule("node:v8").setFlagsFromString("--liftoff-only");
    return compile(source);
  };
}
