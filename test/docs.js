// `npm run api-docs`: installs and builds what is needed, then brings what the documents take from the code up to date.
import { prepare, runScript } from "./setup.js";

prepare();
process.exitCode = runScript("docs/main.ts");
