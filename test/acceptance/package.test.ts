import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { inspect, promisify } from "node:util";
import type { JsonOutput } from "../../src/cli/json-output.ts";
import { entryPointsOf, filesBehind } from "../docs/declarations.ts";
import { startFakeSaas } from "../fake-saas/server.ts";
import { approveDevice } from "../fake-saas/user.ts";
import {
  commandEnvironment,
  runCommand,
  scratchFolder,
  startCommand,
  type CommandEnvironment,
  type CommandOptions,
  type CommandResult,
} from "../helpers/command.ts";
import { runHere } from "../helpers/command-here.ts";
import { compileConsumer, consumerSettings } from "../helpers/consumer.ts";
import { filesIn } from "../helpers/import-graph.ts";
import { filesUnder, later } from "../helpers/scene.ts";
import { scriptedBrowser } from "../helpers/scripted-browser.ts";
import { example, writeTool } from "../helpers/tool.ts";

// For every umask, directories are as installed.
process.umask(0o022);

const root = fileURLToPath(new URL("../..", import.meta.url));
/** Its name is in no output of a tool installed below it. */
const folder = mkdtempSync(join(tmpdir(), "packed-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** For a quick `npx`; more important is that all is readable where installed. */
const packedLimit = 480_000;

const shell = process.platform === "win32";
const npm = (cwd: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): string =>
  execFileSync("npm", [...args, "--no-audit", "--no-fund"], {
    cwd,
    env: { ...process.env, ...env },
    shell,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });

const checkout = join(folder, "checkout");
const installed = join(folder, "installed");
const packageFolder = join(installed, "node_modules", "spec-kitty");
const program = join(packageFolder, "bin", "spec-kitty.js");
let tarball = "";
let names: string[] = [];

before(() => {
  // A copy: packing builds, while other tests use the build here.
  for (const name of ["src", "bin", "package.json", "tsconfig.json", "README.md", "CHANGELOG.md", "LICENSE"]) {
    cpSync(join(root, name), join(checkout, name), { recursive: true });
  }
  mkdirSync(join(checkout, "test"));
  cpSync(join(root, "test", "pack.js"), join(checkout, "test", "pack.js"));
  symlinkSync(join(root, "node_modules"), join(checkout, "node_modules"), "junction");
  mkdirSync(join(checkout, "dist"));
  writeFileSync(join(checkout, "dist", "source-is-gone.js"), "");
  // As `npm pack` does both, but for the build after it, which puts back what packing removed.
  npm(checkout, ["run", "prepack"]);
  npm(checkout, ["pack", "--ignore-scripts", "--pack-destination", folder]);
  tarball = join(folder, readdirSync(folder).find((name) => name.endsWith(".tgz")) ?? "");
  names = execFileSync("tar", ["-tzf", basename(tarball)], { cwd: folder, encoding: "utf8" })
    .trim()
    .split(/\r?\n/);
  installWithoutNetwork(installed);
});

/** Only the tarball: no cache, and a registry that refuses. */
function installWithoutNetwork(into: string): void {
  mkdirSync(into);
  const env = { npm_config_cache: join(into, "..", "empty-cache"), npm_config_registry: "http://127.0.0.1:9" };
  npm(into, ["install", tarball, "--offline", "--omit=optional"], env);
}

/** Directories of packages below `node_modules`, with scopes. */
function packagesIn(project: string): string[] {
  const modules = join(project, "node_modules");
  const below = (name: string): string[] =>
    name.startsWith("@") ? readdirSync(join(modules, name)).map((inner) => `${name}/${inner}`) : [name];
  return readdirSync(modules)
    .filter((name) => !name.startsWith("."))
    .flatMap(below);
}

test("the tarball holds the command, what tsc makes of src/ file by file, the types that can be reached, the documents, and nothing else", () => {
  const types = new Set(entryPointsOf(root).flatMap((entry) => filesBehind(entry.types)));
  const built = [
    ...filesIn("src").map((path) => path.replace("src/", "dist/").replace(/\.ts$/, ".js")),
    ...[...types].map((path) => relative(root, path).replaceAll("\\", "/")),
  ];
  const expected = [
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "package.json",
    ...filesIn("src", /\.(md|svg|png)$/),
    ...filesIn("bin", /\.\w+$/),
    ...built,
  ];
  assert.deepEqual(names.sort(), expected.map((path) => `package/${path}`).sort());
  // Packed from another directory, freshly built: installed files equal those of any checkout.
  for (const path of built)
    assert.ok(readFileSync(join(packageFolder, path)).equals(readFileSync(join(root, path))), `${path} differs`);
  assert.ok(statSync(tarball).size < packedLimit, `${statSync(tarball).size} bytes`);
});

test("every picture and every file that a document of the package links to is in the package", () => {
  const documents = names.filter((name) => name.endsWith(".md"));
  assert.ok(documents.length > 5, documents.join());
  const links = documents.flatMap((name) =>
    [
      ...readFileSync(join(packageFolder, name.replace("package/", "")), "utf8").matchAll(
        /\]\((?!https?:|#)([^)#\s]+)/g,
      ),
    ].map(([, link = ""]) => join(dirname(name), link).replaceAll("\\", "/")),
  );
  assert.ok(links.includes("package/src/docs/one-refresh.svg"), "the rule finds what is there");
  assert.deepEqual(
    links.filter((link) => !names.includes(link)),
    [],
  );
});

test("the stack trace of --debug names a file that is installed, and the line in it", async (t) => {
  const { stderr } = await runCommand(
    t,
    ["auth", "token", "--debug"],
    commandEnvironment(scratchFolder(t), undefined),
    { program },
  );
  const [, url = "", line = ""] = /(file:\S+):(\d+):\d+/.exec(stderr) ?? [];
  assert.notEqual(url, "", stderr);
  const path = fileURLToPath(url);
  assert.ok(path.startsWith(join(realpathSync(packageFolder), "dist")), stderr);
  assert.match(readFileSync(path, "utf8").split("\n")[Number(line) - 1] ?? "", /new NotAuthenticatedError\(/);
});

test("on a Node that is too old the command says so, and what to do", async (t) => {
  const disguise = join(folder, "old-node.cjs");
  writeFileSync(disguise, `Object.defineProperty(process.versions, "node", { value: "20.17.0" });`);
  const { engines } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { engines: { node: string } };
  const env = commandEnvironment(scratchFolder(t), undefined);
  const { code, stdout, stderr } = await runCommand(t, ["auth", "token"], env, { program, nodeArgs: ["-r", disguise] });
  assert.deepEqual([code, stdout], [1, ""]);
  const [error, hint] = stderr.trimEnd().split("\n");
  assert.equal(
    error,
    `error: spec-kitty needs Node.js ${engines.node.replace(">=", "")} or later, and this is 20.17.0`,
  );
  assert.equal(hint, "hint: Install a newer version, then run the command again");
});

test("without the keychain's library one package is installed, with it the library and its native part as well", () => {
  assert.deepEqual(packagesIn(installed), ["spec-kitty"]);
  const needs = (folder: string): (string[] | undefined)[] => {
    const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Record<string, object>;
    return ["dependencies", "peerDependencies", "optionalDependencies"].map(
      (kind) => manifest[kind] && Object.keys(manifest[kind]),
    );
  };
  assert.deepEqual(needs(packageFolder), [undefined, undefined, ["@napi-rs/keyring"]]);
  // From the installed package: no network.
  const [dependencies, peers, native = []] = needs(join(root, "node_modules", "@napi-rs", "keyring"));
  assert.deepEqual([dependencies, peers], [undefined, undefined]);
  for (const name of native) assert.match(name, /^@napi-rs\/keyring-/);
});

test("an error is inspected under its own name, and the token manager has nothing but functions", async () => {
  const library = (await import(
    pathToFileURL(join(packageFolder, "dist", "index.js")).href
  )) as typeof import("../../src/index.ts");
  assert.match(
    inspect(new library.NotAuthenticatedError("not logged in")),
    /^NotAuthenticatedError \[not_authenticated\]: not logged in\n/,
  );
  assert.deepEqual(
    new Set(Object.values(library.getTokenManager()).map((member) => typeof member)),
    new Set(["function"]),
  );
});

test("the installed command runs, by the name that npm gives it", () => {
  const command = join(installed, "node_modules", ".bin", shell ? "spec-kitty.cmd" : "spec-kitty");
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  assert.equal(execFileSync(command, ["--version"], { shell, encoding: "utf8" }), `${version}\n`);
});

const canRequire = (process.features as { require_module?: boolean }).require_module === true;
const functions =
  "[spec.getTokenManager, spec.createAuthorizedFetch, sync.createSyncRuntime, sync.createLiveClient, tracker.createTrackerClient, cli.createCommand, adapters.mcpFetch]";
// One copy of the errors, however loaded.
const uses = `${functions}.every((value) => typeof value === "function") && tracker.TrackerError.prototype instanceof spec.AuthError`;
const required = canRequire ? false : `Node ${process.version} cannot`;
const entries = {
  spec: "spec-kitty",
  sync: "spec-kitty/sync",
  tracker: "spec-kitty/tracker",
  cli: "spec-kitty/cli",
  adapters: "spec-kitty/adapters",
};
const load = (statement: (name: string, entry: string) => string): string =>
  Object.entries(entries)
    .map(([name, entry]) => statement(name, entry))
    .join(" ");
const consumers: [how: string, file: string, code: string, skip?: string | false][] = [
  ["an import", "a.mjs", `${load((name, entry) => `import * as ${name} from "${entry}";`)} console.log(${uses});`],
  [
    "a dynamic import from CommonJS",
    "b.cjs",
    `void async function () { ${load((name, entry) => `const ${name} = await import("${entry}");`)} console.log(${uses}); }();`,
  ],
  [
    "require, where the runtime can do that",
    "c.cjs",
    `${load((name, entry) => `const ${name} = require("${entry}");`)} console.log(${uses});`,
    required,
  ],
];
for (const [how, file, code, skip = false] of consumers) {
  test(`every entry point is there for ${how}, and prints nothing`, { skip }, async () => {
    writeFileSync(join(installed, file), code);
    assert.deepEqual(await promisify(execFile)(process.execPath, [file], { cwd: installed }), {
      stdout: "true\n",
      stderr: "",
    });
  });
}

const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
for (const [title, options] of consumerSettings) {
  test(`every entry point's types compile in a caller's project and are those of its code: ${title}`, async () => {
    await compileConsumer(compiler, installed, options);
  });
}

test("what the token manager and the authorized fetch return has a type that is not any", () => {
  const project = join(installed, "types-used");
  mkdirSync(project);
  writeFileSync(
    join(project, "use.mts"),
    `import * as spec from "spec-kitty";
    export const token: Promise<string> = spec.getTokenManager().getAccessToken({ minValidityMs: 1 });
    export const answer: Promise<Response> = spec.createAuthorizedFetch()("/api/v1/me");
    // @ts-expect-error the types are not any
    export const wrong: number = spec.getTokenManager();
    // @ts-expect-error a manager has no such option
    spec.getTokenManager({ porfile: "work" });`,
  );
  // A line after `@ts-expect-error` that compiles is an error.
  writeFileSync(
    join(project, "embed.mts"),
    `import { createAuth, type Auth, type AuthSession } from "spec-kitty";
    import { createCommand } from "spec-kitty/cli";
    const acme = { name: "acme", version: "1.2.0", issuer: "https://login.acme.example" };
    const auth: Auth = createAuth({ ...acme, clientId: "acme-cli", storage: "file", keychain: false, profile: undefined });
    export const token: Promise<{ token: string; expiresAt: number | undefined }> = auth.getToken();
    export const session: Promise<AuthSession | undefined> = auth.session();
    export const code: Promise<number> = createCommand({ ...acme, issuer: undefined, commands: ["auth", "api"] }).run([]);
    auth.on("ended", ({ reason }) => reason satisfies "expired" | "revoked" | "logout" | "elsewhere");
    // @ts-expect-error without an issuer
    createAuth({ name: "acme", version: "1.2.0" });
    // @ts-expect-error a misspelled option
    createAuth({ ...acme, clientID: "acme-cli" });
    // @ts-expect-error no kind of storage
    createAuth({ ...acme, storage: "disk" });
    // @ts-expect-error the commands need an issuer too, or to be told that there is none
    createCommand({ name: "acme", version: "1.2.0" });
    // @ts-expect-error no group of commands
    createCommand({ ...acme, commands: ["login"] });
    // @ts-expect-error no event
    auth.on("expired", () => undefined);
    // @ts-expect-error no flow
    void auth.login({ flow: "password" });
    // @ts-expect-error the types are not any
    export const wrong: number = auth.getToken();`,
  );
  writeFileSync(
    join(project, "tsconfig.json"),
    JSON.stringify({ compilerOptions: { strict: true, noEmit: true, types: [], skipDefaultLibCheck: true } }),
  );
  execFileSync(process.execPath, [compiler, "-p", project], { encoding: "utf8" });
});

/** Logs in with the encrypted file, then runs the doctor for the keychain. */
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
  const doctor = await run("auth", "doctor", "--json");
  const { findings } = JSON.parse(doctor.stdout) as JsonOutput["auth doctor"];
  assert.match(findings.find(({ subject }) => subject === "keychain")?.sentence ?? "", reason);
}

test("air-gapped, installed from the tarball alone, it logs in, and the doctor says that the keychain's library is not installed", async (t) => {
  await logsInWithoutKeychain(
    t,
    program,
    /no OS keychain is available: cannot load the optional package "@napi-rs\/keyring" \(it is not installed next to this program\)/,
  );
});

test("with a native part that does not load it logs in, and the doctor says why there is no keychain", async (t) => {
  const broken = join(folder, "broken");
  cpSync(installed, broken, { recursive: true });
  const keyring = join(broken, "node_modules", "@napi-rs", "keyring");
  mkdirSync(keyring, { recursive: true });
  const build = { linux: "-gnu", win32: "-msvc" }[process.platform as string] ?? "";
  writeFileSync(
    join(keyring, `keyring.${process.platform}-${process.arch}${build}.node`),
    "this is no library, however much of it is read\n".repeat(100),
  );
  await logsInWithoutKeychain(
    t,
    join(broken, "node_modules", "spec-kitty", "bin", "spec-kitty.js"),
    /cannot load .* \((?!it is not installed).*keyring/,
  );
});

/** Must succeed. */
async function does(result: Promise<CommandResult>): Promise<string> {
  const { code, stdout, stderr } = await result;
  assert.equal(code, 0, `${stderr}\n${stdout}`);
  return stdout;
}

test("FR-021 a tool of twenty lines, installed from the tarball, has login, accounts and helpers in its own name alone", async (t) => {
  const saas = await startFakeSaas({ deviceIntervalSeconds: 1 });
  t.after(() => saas.close());
  const home = mkdtempSync(join(tmpdir(), "acme-home-"));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  // In this process the home is this process's, so directories are named.
  const xdg = {
    XDG_RUNTIME_DIR: join(home, "run"),
    XDG_CONFIG_HOME: join(home, ".config"),
    XDG_STATE_HOME: join(home, ".state"),
  };
  const env: CommandEnvironment = {
    PATH: process.env["PATH"],
    HOME: home,
    ...xdg,
    APPDATA: home,
    LOCALAPPDATA: home,
    ACME_STORAGE: "file",
    BROWSER: scriptedBrowser(),
  };
  writeFileSync(join(installed, "package.json"), JSON.stringify({ name: "acme", version: "1.2.0", type: "module" }));
  const tool = writeTool(example("acme.js"), installed, "acme.js", { url: saas.url });
  const said: CommandResult[] = [];
  const spoken = async (result: Promise<CommandResult>): Promise<CommandResult> => (said.push(await result), result);
  const acme = (line: string, options: CommandOptions & { input?: string } = {}): Promise<CommandResult> =>
    spoken(runCommand(t, line.split(" "), env, { program: tool, cwd: home, ...options }));
  const ofAuthor = {
    name: "acme",
    version: "1.2.0",
    service: saas.url,
    issuer: saas.url,
    clientId: "cli_native",
    scope: "offline_access api.read api.write",
    commands: undefined,
  };
  const here = (line: string): Promise<CommandResult> =>
    spoken(runHere(line.split(" "), env, { ...ofAuthor, cwd: home }));

  assert.match(await does(acme("auth login")), /^✓ Logged in as alice@example\.com/);
  const device = startCommand(
    t,
    ["auth", "login", "--profile", "work", "--headless"],
    { ...env, FAKE_SAAS_USER: "bob" },
    { program: tool, cwd: home },
  );
  const [, address = "", code = ""] = await device.shows(
    /on any device:\n\n {2}(\S+)\n[^]*enter this code:\n\n {2}(\S+)\n/,
  );
  await approveDevice(address, code, { as: "bob" });
  assert.equal((await spoken(device.ended)).code, 0);

  assert.match(await does(here("auth list")), /alice@example\.com[^]*bob@example\.com/);
  await does(here("auth switch work"));
  assert.equal(await does(here("auth whoami")), "bob@example.com\n");
  await does(here("auth switch default"));
  assert.match(await does(here("auth status --check")), /Logged in as alice/);
  assert.match(await does(here("api GET /api/v1/me")), /alice@example\.com/);
  assert.match(await does(acme("projects")), /alice@example\.com/);
  assert.match(await does(here("auth doctor --verbose")), /^✓ D102 service +http:\S+, built into acme$/m);
  const { host } = new URL(saas.url);
  assert.match(
    await does(acme("auth git-credential get", { input: `protocol=http\nhost=${host}\n\n` })),
    /^username=.*\npassword=at_/m,
  );
  for (const name of ["bash", "zsh", "fish"]) assert.match(await does(here(`completion ${name}`)), /acme/);

  // Four at once, an hour later.
  const before = saas.counters.refreshes;
  const tokens = await Promise.all(
    Array.from({ length: 4 }, () => does(acme("auth token", { nodeArgs: later(3_600_000) }))),
  );
  // The service's clock is an hour behind. A process that learns this before the first token is stored finds the
  // previous one valid.
  assert.ok(tokens.every((token) => /^at_\S+\n$/.test(token)));
  assert.deepEqual([saas.counters.refreshes - before, saas.counters.reuses], [1, 0]);

  // The package's own command on this machine is unaffected.
  const own = {
    ...env,
    ACME_STORAGE: undefined,
    SPEC_KITTY_STORAGE: "file",
    SPEC_KITTY_SAAS_URL: saas.url,
    FAKE_SAAS_USER: "bob",
  };
  assert.equal((await runHere(["auth", "token"], own)).code, 4);
  assert.match((await runCommand(t, ["auth", "login"], own)).stdout, /bob@example\.com/);
  assert.equal(await does(here("auth whoami")), "alice@example.com\n");
  assert.equal((await runHere(["auth", "logout", "--all"], own)).code, 0);
  rmSync(join(home, ".config", "spec-kitty"), { recursive: true, force: true });
  const isOther = ({ headers }: { headers: Record<string, unknown> }): boolean =>
    !String(headers["user-agent"]).startsWith("spec-kitty/");
  const requests = saas.requests.filter(isOther);

  assert.equal((await acme("auth tokne")).code, 2);
  assert.equal((await spoken(runHere(["auth", "login"], { ...env, ACME_STORAGE: "nowhere" }, ofAuthor))).code, 2);
  assert.match(await does(here("auth logout --all")), /Logged out/);
  const { code: without, stderr } = await acme("auth token");
  assert.equal(without, 4);
  assert.match(stderr, /^hint: Run: acme auth login$/m);

  const ownFiles = [...filesUnder(home)].filter(([path]) => !/spec-kitty/.test(path));
  for (const text of [
    ...said.flatMap(({ stdout, stderr }) => [stdout, stderr]),
    ...ownFiles.map(([path, content]) => path + content.toString("latin1")),
    JSON.stringify(requests),
  ]) {
    assert.doesNotMatch(text.replaceAll(scriptedBrowser(), ""), /spec.?kitty/i);
  }
  assert.ok(requests.some(({ headers }) => headers["user-agent"] === "acme/1.2.0"));
});
