// `npm run lint:package`: what two linters of packages say of the tarball. Both exit with 1 for what is not allowed here.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const tools = join(root, "test", "tools");
const scratch = mkdtempSync(join(tmpdir(), "packed-"));
execFileSync("npm", ["pack", "--pack-destination", scratch], { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
const tarball = join(scratch, readdirSync(scratch)[0]);
/** Each runs the file that its manifest names as the command. */
const linters = {
  // Nothing may be reported, suggestions included.
  "node_modules/publint/src/cli.js": ["--strict", tarball],
  // `esm-only`: the package is ES modules alone, since two copies of it in a program would be two token managers and two kinds of errors. So
  // CommonJS imports it dynamically, or requires it from Node 20.19 and 22.12 on; and the resolution of TypeScript's `node10` knows no
  // `exports`. Declarations come from the package itself, so no registry is asked for them.
  "node_modules/@arethetypeswrong/cli/dist/index.js": [
    "--profile",
    "esm-only",
    "--no-definitely-typed",
    "--no-emoji",
    tarball,
  ],
};
for (const [file, args] of Object.entries(linters)) {
  const { status } = spawnSync(process.execPath, [join(tools, file), ...args], { stdio: "inherit" });
  process.exitCode ||= status ?? 1;
}
rmSync(scratch, { recursive: true });
