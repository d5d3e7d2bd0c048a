import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the package. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Installs what package-lock.json names, where that is not done, and builds: a fresh clone needs no step before this one. */
export function prepare() {
  const run = (...args) => execFileSync("npm", args, { cwd: root, stdio: ["ignore", "ignore", "inherit"], shell: process.platform === "win32" });
  const installed = join(root, "node_modules", ".package-lock.json");
  const isCurrent = existsSync(installed) && statSync(installed).mtimeMs >= statSync(join(root, "package-lock.json")).mtimeMs;
  if (!isCurrent) run("ci", "--no-audit", "--no-fund", "--ignore-scripts");
  run("run", "--silent", "build");
}

/** Every test file. Those of test/peers are run by themselves: they have dependencies of their own. */
export function testFiles() {
  const isOurs = (path) => path.endsWith(".test.ts") && !path.startsWith("peers");
  return readdirSync(join(root, "test"), { recursive: true }).filter(isOurs).sort().map((path) => join("test", path));
}
