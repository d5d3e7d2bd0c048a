// `npm run test:security [-- --write]`: installs and builds what is needed, then attacks every claim of the security model on every
// runtime, as root and as others, and prints the table. `--write` puts its figures into src/docs/security.md.
import { join } from "node:path";
import { install, prepare, root, runScript } from "./setup.js";

prepare();
install(join(root, "test", "peers", "runtimes"));
process.exitCode = runScript("security/table.ts");
