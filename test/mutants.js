// `npm run mutants [-- WORD…]`: installs and builds what is needed, then tries every mutant, or those whose file or sentence has a word.
import { prepare, runScript } from "./setup.js";

prepare();
process.exitCode = runScript("mutants/main.ts");
