// `npm run build:exe [-- FOLDER]`: makes FOLDER/spec-kitty (`build/` by default), one file that needs no Node: the command, the library
// of the keychain and the newest Node that has long-term support, which is this one where that is new enough.
//
// The executable starts from a snapshot of the memory of a Node that has loaded what `auth token` runs, so that a good token costs
// hardly more than a Node that does nothing. Everything else is in the snapshot as text and compiled when it is called. What the
// modules of a snapshot compute when they load is the same in every process: so nothing of them is random or about the machine.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { install, prepare, root } from "./setup.js";

/** What `auth token` with a good token loads with `import()`; what these import is with them. */
const hot = ["cli/main", "cli/commands/auth/token", "app/app", "auth/secure-storage/machine-key"];

prepare();
const tools = join(root, "test", "tools");
const runtimes = join(root, "test", "peers", "runtimes");
install(tools);
const isNewEnough = Number.parseInt(process.versions.node, 10) >= 26;
if (!isNewEnough) install(runtimes);
const node = isNewEnough ? process.execPath : join(runtimes, "node_modules/node-26/bin/node");

const folder = resolve(process.argv[2] ?? join(root, "build"));
mkdirSync(folder, { recursive: true });
const scratch = mkdtempSync(join(tmpdir(), "spec-kitty-exe-"));
try {
  const file = (path) => JSON.stringify(join(root, path));
  const entry = `
    const { startupSnapshot } = require("node:v8");
    const { serveSelf } = require(${file("dist/app/serve-self.js")});
    ${hot.map((name) => `require(${file(`dist/${name}.js`)});`).join("\n")}
    startupSnapshot.setDeserializeMainFunction(() => {
      if (serveSelf()) process.exit();
      require(${file("bin/spec-kitty.js")});
    });`;
  const program = join(scratch, "program.cjs");
  // Comments and names stay: whoever opens the file can read what it does.
  const bundle = ["--bundle", "--platform=node", "--target=node26", "--define:import.meta.url=undefined"];
  execFileSync(
    process.execPath,
    [
      join(tools, "node_modules", "esbuild", "bin", "esbuild"),
      ...bundle,
      `--outfile=${program}`,
      "--log-level=warning",
    ],
    { input: entry, stdio: ["pipe", "inherit", "inherit"], cwd: root },
  );
  const output = join(folder, process.platform === "win32" ? "spec-kitty.exe" : "spec-kitty");
  const settings = join(scratch, "settings.json");
  writeFileSync(
    settings,
    JSON.stringify({
      main: program,
      executable: node,
      output,
      useSnapshot: true,
      disableExperimentalSEAWarning: true,
      // Options of Node in the environment are for other programs.
      execArgvExtension: "none",
      assets: Object.fromEntries(keychainLibraries().map((path) => ["keyring.node", path])),
    }),
  );
  rmSync(output, { force: true });
  execFileSync(node, ["--build-sea", settings], { stdio: ["ignore", "ignore", "inherit"] });
  // What is signed has changed, and macOS starts nothing without a signature; this one vouches for nobody.
  if (process.platform === "darwin") execFileSync("codesign", ["--force", "--sign", "-", output], { stdio: "inherit" });
  console.log(output);
} finally {
  rmSync(scratch, { recursive: true });
}

/** The native library for this machine: the one that is installed. */
function keychainLibraries() {
  const { platform, arch } = process;
  return ["", "-gnu", "-musl", "-msvc"]
    .map((build) => `${platform}-${arch}${build}`)
    .map((name) => join(root, "node_modules", "@napi-rs", `keyring-${name}`, `keyring.${name}.node`))
    .filter(existsSync)
    .slice(0, 1);
}
