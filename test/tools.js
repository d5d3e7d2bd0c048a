// `npm run format` and `npm run lint`: the formatter and the linter have dependencies of their own, which are installed here.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { install, root } from "./setup.js";

const tools = join(root, "test", "tools");
install(tools);
const biome = join(tools, "node_modules", "@biomejs", "biome", "bin", "biome");
process.exitCode =
  spawnSync(process.execPath, [biome, ...process.argv.slice(2), `--config-path=${tools}`, "."], {
    cwd: root,
    stdio: "inherit",
  }).status ?? 1;
