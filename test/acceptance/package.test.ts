import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { inspect, promisify } from "node:util";
import type { DoctorReport } from "../../src/cli/answers.ts";
import { decode, type SourceMap } from "../build/source-map.ts";
import { startFakeSaas } from "../fake-saas/server.ts";
import { commandEnvironment, runCommand, scratchFolder } from "../helpers/command.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "spec-kitty-package-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const packedLimit = 150_000;

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
  const built = names.filter((name) => name.startsWith("package/dist/")).map((name) => name.slice("package/dist/".length));
  const code = built.filter((name) => /^[\w-]+\.js$/.test(name)).sort();
  const rest = ["CHANGELOG.md", "LICENSE", "README.md", "bin/package.json", "bin/spec-kitty.js", "package.json", "dist/index.d.ts"];
  const expected = [...rest, ...code.flatMap((name) => [`dist/${name}`, `dist/${name}.map`])].map((path) => `package/${path}`);
  assert.deepEqual(names.sort(), expected.sort());
  // Built afresh, in another folder, and byte for byte what is built here: their names have a hash of what is in them.
  assert.deepEqual(code, readdirSync(join(root, "dist")).filter((name) => name.endsWith(".js")).sort());
  // The command, the library, and what asks the keychain in a process of its own.
  assert.deepEqual(["index.js", "keychain-process.js", "main.js"].filter((name) => !code.includes(name)), []);
  assert.ok(statSync(tarball).size < packedLimit, `${statSync(tarball).size} bytes`);
});

test("every source map resolves: each position is in a file of src and on the line where the code comes from", () => {
  const dist = join(installed, "node_modules", "spec-kitty", "dist");
  const mapped = new Set<string>();
  let known = 0;
  for (const name of readdirSync(dist).filter((file) => file.endsWith(".js"))) {
    const code = readFileSync(join(dist, name), "utf8");
    assert.ok(code.trimEnd().endsWith(`//# sourceMappingURL=${name}.map`), name);
    const { sources, mappings } = JSON.parse(readFileSync(join(dist, `${name}.map`), "utf8")) as SourceMap;
    const texts = sources.map((source) => readFileSync(join(root, "dist", source), "utf8").split("\n"));
    for (const source of sources) mapped.add(source);
    const lines = code.split("\n");
    for (const [row, segments] of decode(mappings).entries()) {
      for (const [column, source, line] of segments) {
        const text = texts[source]?.[line];
        assert.ok(text !== undefined, `${name}:${row + 1}:${column} is line ${line + 1} of ${sources[source]}`);
        // Our own names are shortened, those of members and what is quoted are not.
        const [, member, quoted] = /^[\w$]*\.(\w{3,})|^"([^"\\]{3,})"/.exec(lines[row]?.slice(column) ?? "") ?? [];
        const word = member ?? quoted;
        if (word === undefined) continue;
        known += 1;
        assert.ok(text.includes(word), `${name}:${row + 1}:${column} is "${word}", and line ${line + 1} of ${sources[source]} is "${text}"`);
      }
    }
  }
  assert.ok(known > 200, `${known}`);
  // What has only types is in no code.
  const all = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".ts")).map((path) => `../src/${path.replaceAll("\\", "/")}`);
  const unmapped = all.filter((path) => !mapped.has(path));
  assert.deepEqual(unmapped.filter((path) => /^(?:export )?(?:async )?(?:function|class|const) /m.test(readFileSync(join(root, "dist", path), "utf8"))), []);
});

test("the stack trace of --debug names the sources", async (t) => {
  const { stderr } = await runCommand(t, ["auth", "token", "--debug"], commandEnvironment(scratchFolder(t), undefined), { program });
  const [, path = "", line = ""] = /[\\/](src[\\/]auth[\\/][\w\\/-]+\.ts):(\d+):\d+/.exec(stderr) ?? [];
  assert.notEqual(path, "", stderr);
  assert.match(readFileSync(join(root, path), "utf8").split("\n")[Number(line) - 1] ?? "", /new NotAuthenticatedError\("not logged in|new NotAuthenticatedError\(`not logged in/);
});

test("a Node that is too old is told so, and what to do", async (t) => {
  const disguise = join(folder, "old-node.cjs");
  writeFileSync(disguise, `Object.defineProperty(process.versions, "node", { value: "20.17.0" });`);
  const { engines } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { engines: { node: string } };
  const { code, stdout, stderr } = await runCommand(t, ["auth", "token"], commandEnvironment(scratchFolder(t), undefined), { program, nodeArgs: ["-r", disguise] });
  assert.deepEqual([code, stdout], [1, ""]);
  assert.equal(stderr, `error: this is Node 20.17.0, and spec-kitty needs ${engines.node.replace(">=", "")} or later\nhint: Install a newer Node, and run the command again\n`);
});

test("without the key ring one package is installed, with it the key ring and its native part as well", (t) => {
  assert.deepEqual(packagesIn(installed), ["spec-kitty"]);
  const whole = scratchFolder(t);
  npm(whole, ["install", tarball, "--prefer-offline"]);
  const [keyring, native, ...rest] = packagesIn(whole).sort();
  assert.deepEqual([keyring, rest], ["@napi-rs/keyring", ["spec-kitty"]]);
  assert.match(native ?? "", /^@napi-rs\/keyring-/);
});

test("what the library gives is shown under its own name", async () => {
  const library = (await import(pathToFileURL(join(installed, "node_modules", "spec-kitty", "dist", "index.js")).href)) as typeof import("../../src/index.ts");
  assert.match(inspect(new library.NotAuthenticatedError("not logged in")), /^NotAuthenticatedError: not logged in\n/);
  assert.match(inspect(library.getTokenManager()), /^TokenManager /);
});

test("the installed command runs, by the name that npm gives it", () => {
  const command = join(installed, "node_modules", ".bin", shell ? "spec-kitty.cmd" : "spec-kitty");
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  assert.equal(execFileSync(command, ["--version"], { shell, encoding: "utf8" }), `${version}\n`);
});

test("the version is told without loading anything of what is built", async (t) => {
  const copy = scratchFolder(t);
  cpSync(join(installed, "node_modules", "spec-kitty"), copy, { recursive: true });
  rmSync(join(copy, "dist"), { recursive: true });
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  const { code, stdout } = await runCommand(t, ["--version"], commandEnvironment(scratchFolder(t), undefined), { program: join(copy, "bin", "spec-kitty.js") });
  assert.deepEqual([code, stdout], [0, `${version}\n`]);
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
    const compilerOptions = { module, moduleResolution, target: "es2023", strict: true, noEmit: true, exactOptionalPropertyTypes: true, skipLibCheck: false, types: ["node"], typeRoots: [join(root, "node_modules", "@types")] };
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
