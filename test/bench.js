// `npm run bench [-- --json | --markdown]`: installs and builds what is needed, then measures, and judges the limits by the clock.
import { join } from "node:path";
import { install, prepare, root, runScript } from "./setup.js";

prepare();
for (const folder of ["peers", "peers/runtimes"]) install(join(root, "test", folder));
process.exitCode = runScript("bench/run.ts");
