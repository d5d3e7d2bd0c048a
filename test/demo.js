// `npm run demo`: installs and builds what is needed, then plays the whole story against a fake service on this machine.
import { prepare, runScript } from "./setup.js";

prepare();
process.exitCode = runScript("demo.ts", []);
