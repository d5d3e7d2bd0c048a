// `npm run demo`: installs and builds what is needed, then plays the whole story against a fake service on this machine.
import { spawnSync } from "node:child_process";
import { prepare, root } from "./setup.js";

prepare();
process.exitCode = spawnSync(process.execPath, ["--import", "tsx", "test/demo.ts"], { cwd: root, stdio: "inherit" }).status ?? 1;
