import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { DoctorReport } from "../../src/cli/answers.ts";
import { startFakeSaas } from "../fake-saas/server.ts";
import { commandEnvironment, runCommand, scratchFolder } from "../helpers/command.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "spec-kitty-package-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** What is run fills less than a third of it. The rest is the maps, which carry the sources: those alone are 190 kB, compressed. */
const packedLimit = 650_000;

const shell = process.platform === "win32";
const npm = (cwd: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): string =>
  execFileSync("npm", [...args, "--no-audit", "--no-fund"], { cwd, env: { ...process.env, ...env }, shell, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

const checkout = join(folder, "checkout");
const installed = join(folder, "installed");
const program = join(installed, "node_modules", "spec-kitty", "bin", "spec-kitty.js");
let tarball = "";
let names: string[] = [];

before(() => {
  // A copy: packing builds afresh, and other tests are using what is built here.
  const isCopied = (path: string): boolean => !["node_modules", ".git", "dist"].includes(basename(path));
  cpSync(root, checkout, { recursive: true, filter: isCopied });
  symlinkSync(join(root, "node_modules"), join(checkout, "node_modules"), "junction");
  mkdirSync(join(checkout, "dist"));
  writeFileSync(join(checkout, "dist", "source-is-gone.js"), "");
  npm(checkout, ["pack", "--pack-destination", folder]);
  tarball = join(folder, readdirSync(folder).find((name) => name.endsWith(".tgz")) ?? "");
  names = execFileSync("tar", ["-tzf", basename(tarball)], { cwd: folder, encoding: "utf8" }).trim().split(/\r?\n/);
  installWithoutNetwork(installed);
});

/** The tarball is all there is: nothing cached, and a registry that refuses. */
function installWithoutNetwork(into: string): void {
  mkdirSync(into);
  npm(into, ["install", tarball, "--offline", "--omit=optional"], { npm_config_cache: join(into, "..", "empty-cache"), npm_config_registry: "http://127.0.0.1:9" });
}

/** The folders of packages below `node_modules`, scopes opened. */
function packagesIn(project: string): string[] {
  const modules = join(project, "node_modules");
  const below = (name: string): string[] => (name.startsWith("@") ? readdirSync(join(modules, name)).map((inner) => `${name}/${inner}`) : [name]);
  return readdirSync(modules).filter((name) => !name.startsWith(".")).flatMap(below);
}

test("the tarball holds the command, what is built, three texts, and nothing else", () => {
  const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".ts"));
  const built = sources.flatMap((path) => [".d.ts", ".js", ".js.map"].map((ending) => `dist/${path.replaceAll("\\", "/").replace(/\.ts$/, ending)}`));
  const expected = ["CHANGELOG.md", "LICENSE", "README.md", "bin/spec-kitty.js", "package.json", ...built].map((path) => `package/${path}`);
  assert.deepEqual(names.sort(), expected.sort());
  assert.ok(statSync(tarball).size < packedLimit, `${statSync(tarball).size} bytes`);
});

test("every source map resolves with nothing but itself, and a stack trace names the source", async (t) => {
  const dist = join(installed, "node_modules", "spec-kitty", "dist");
  for (const path of readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".js"))) {
    assert.ok(readFileSync(join(dist, path), "utf8").trimEnd().endsWith(`//# sourceMappingURL=${basename(path)}.map`), path);
    const map = JSON.parse(readFileSync(join(dist, `${path}.map`), "utf8")) as { sources: string[]; sourcesContent: string[] };
    assert.deepEqual(map.sourcesContent, [readFileSync(join(root, "src", path.replace(/js$/, "ts")), "utf8")], path);
  }
  const env = commandEnvironment(scratchFolder(t), undefined);
  const { stderr } = await runCommand(t, ["auth", "token", "--debug"], env, { program, nodeArgs: ["--enable-source-maps"] });
  assert.match(stderr, /src[\\/]auth[\\/][\w\\/-]+\.ts:\d+:\d+/);
});

test("without the key ring one package is installed, with it the key ring and its native part as well", (t) => {
  assert.deepEqual(packagesIn(installed), ["spec-kitty"]);
  const whole = scratchFolder(t);
  npm(whole, ["install", tarball, "--prefer-offline"]);
  const [keyring, native, ...rest] = packagesIn(whole).sort();
  assert.deepEqual([keyring, rest], ["@napi-rs/keyring", ["spec-kitty"]]);
  assert.match(native ?? "", /^@napi-rs\/keyring-/);
});

test("the installed command runs, by the name that npm gives it", () => {
  const command = join(installed, "node_modules", ".bin", shell ? "spec-kitty.cmd" : "spec-kitty");
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  assert.equal(execFileSync(command, ["--version"], { shell, encoding: "utf8" }), `${version}\n`);
});

const uses = "typeof spec.getTokenManager === 'function' && typeof spec.createAuthorizedFetch === 'function' && spec.AuthError.name === 'AuthError'";
const canRequire = (process.features as { require_module?: boolean }).require_module === true;
const consumers: [how: string, file: string, code: string, skip?: string | false][] = [
  ["an import", "a.mjs", `import * as spec from "spec-kitty"; console.log(${uses});`],
  ["a dynamic import from CommonJS", "b.cjs", `import("spec-kitty").then((spec) => console.log(${uses}));`],
  ["require, where the runtime can do that", "c.cjs", `const spec = require("spec-kitty"); console.log(${uses});`, !canRequire && `Node ${process.version} cannot`],
];
for (const [how, file, code, skip = false] of consumers) {
  test(`the library is there for ${how}, and prints nothing`, { skip }, async () => {
    writeFileSync(join(installed, file), code);
    assert.deepEqual(await promisify(execFile)(process.execPath, [file], { cwd: installed }), { stdout: "true\n", stderr: "" });
  });
}

for (const [module, moduleResolution, types] of [["node16", "node16", "ESM"], ["node16", "node16", "CommonJS"], ["esnext", "bundler", "ESM"]] as const) {
  test(`the types compile under moduleResolution ${moduleResolution}, from ${types}`, () => {
    const project = join(installed, `types-${moduleResolution}-${types}`);
    mkdirSync(project);
    const spec = types === "ESM" ? `import * as spec from "spec-kitty";` : `declare const spec: typeof import("spec-kitty", { with: { "resolution-mode": "import" } });`;
    const code = `${spec}
      export const token: Promise<string> = spec.getTokenManager().getAccessToken({ minValidityMs: 1 });
      export const answer: Promise<Response> = spec.createAuthorizedFetch()("/api/v1/me");
      // @ts-expect-error the types are not any
      export const wrong: number = spec.getTokenManager();`;
    writeFileSync(join(project, types === "ESM" ? "use.mts" : "use.cts"), code);
    const compilerOptions = { module, moduleResolution, target: "es2023", strict: true, noEmit: true, exactOptionalPropertyTypes: true, types: ["node"], typeRoots: [join(root, "node_modules", "@types")] };
    writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions }));
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
    execFileSync(process.execPath, [tsc, "-p", project], { encoding: "utf8" });
  });
}

/** Logs in with the encrypted file, and asks the doctor about the keychain. */
async function logsInWithoutKeychain(t: TestContext, copy: string, reason: RegExp): Promise<void> {
  const saas = await startFakeSaas();
  t.after(() => saas.close());
  const env = commandEnvironment(scratchFolder(t), saas.url, { SPEC_KITTY_STORAGE: undefined });
  const run = (...args: string[]): ReturnType<typeof runCommand> => runCommand(t, args, env, { program: copy });
  const chosen = await run("auth", "login");
  assert.deepEqual([chosen.code, saas.requests.length], [2, 0], "no silent step down to the file");
  assert.match(chosen.stderr, reason);
  const login = await run("auth", "login", "--storage", "file", "--yes");
  assert.equal(login.code, 0, login.stderr);
  assert.equal((await run("auth", "token")).code, 0);
  const doctor = await run("auth", "doctor", "--json");
  const { findings } = JSON.parse(doctor.stdout) as DoctorReport;
  assert.match(findings.find(({ subject }) => subject === "keychain")?.sentence ?? "", reason);
}

test("air-gapped, installed from the tarball alone, it logs in, and the doctor says that the key ring is not installed", async (t) => {
  await logsInWithoutKeychain(t, program, /no keychain here: the optional package "@napi-rs\/keyring" cannot be loaded \(Cannot find module/);
});

test("with a native part that does not load it logs in, and the doctor says why there is no keychain", async (t) => {
  const broken = join(folder, "broken");
  cpSync(installed, broken, { recursive: true });
  const keyring = join(broken, "node_modules", "@napi-rs", "keyring");
  mkdirSync(keyring, { recursive: true });
  writeFileSync(join(keyring, "package.json"), JSON.stringify({ name: "@napi-rs/keyring", main: "index.js" }));
  writeFileSync(join(keyring, "index.js"), `throw new Error("keyring.node: invalid ELF header\\nand more");`);
  await logsInWithoutKeychain(t, join(broken, "node_modules", "spec-kitty", "bin", "spec-kitty.js"), /cannot be loaded \(keyring\.node: invalid ELF header\)/);
});
