// `npm run pack:offline [-- --os=win32 --cpu=x64 --libc=… --folder=…]`: makes build/spec-kitty-VERSION-offline-PLATFORM.tgz, a tarball with
// the optional dependency inside, for this machine's platform or the one that is named. Installing it needs neither a network nor a
// registry.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

const { folder = join(root, "build"), ...platform } = parseArgs({
  options: { os: { type: "string" }, cpu: { type: "string" }, libc: { type: "string" }, folder: { type: "string" } },
}).values;

const scratch = mkdtempSync(join(tmpdir(), "spec-kitty-offline-"));
try {
  for (const name of ["package.json", "package-lock.json"]) cpSync(join(root, name), join(scratch, name));
  const named = Object.entries(platform).map(([name, value]) => `--${name}=${value}`);
  // By the lock file, so what goes in is what its hashes say.
  npm("ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", ...named);

  const manifest = read("package.json");
  for (const name of ["bin", "dist", "src", "README.md", "CHANGELOG.md", "LICENSE"])
    cpSync(join(root, name), join(scratch, name), { recursive: true });
  const inside = Object.keys(manifest.optionalDependencies);
  write("package.json", { ...manifest, scripts: {}, devDependencies: {}, bundleDependencies: inside });
  // What is left out is for other platforms. npm would ask the registry for it, again and again.
  for (const path of inside.map((name) => join("node_modules", name, "package.json"))) {
    const { optionalDependencies = {}, ...own } = read(path);
    const kept = Object.entries(optionalDependencies).filter(([name]) =>
      existsSync(join(scratch, "node_modules", name)),
    );
    if (kept.length === 0) throw new Error(`${own.name} has nothing for this platform`);
    write(path, { ...own, optionalDependencies: Object.fromEntries(kept) });
  }

  mkdirSync(folder, { recursive: true });
  npm("pack", "--ignore-scripts", "--loglevel=error");
  const file = `${manifest.name}-${manifest.version}`;
  const { os = process.platform, cpu = process.arch, libc } = platform;
  const output = join(folder, `${[file, "offline", os, cpu, libc].filter(Boolean).join("-")}.tgz`);
  cpSync(join(scratch, `${file}.tgz`), output);
  console.log(output);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

function npm(...args) {
  const stdio = ["ignore", "ignore", "inherit"];
  const { status } = spawnSync("npm", args, { cwd: scratch, stdio, shell: process.platform === "win32" });
  if (status !== 0) throw new Error(`npm ${args.join(" ")} failed`);
}

function read(path) {
  return JSON.parse(readFileSync(join(scratch, path), "utf8"));
}

function write(path, value) {
  writeFileSync(join(scratch, path), `${JSON.stringify(value, undefined, 2)}\n`);
}
