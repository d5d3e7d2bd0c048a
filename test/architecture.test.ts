import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { isBuiltin } from "node:module";
import { join, relative } from "node:path";
import { test } from "node:test";
import { hintText } from "../src/base/hint.ts";
import { ownIdentity } from "../src/base/identity.ts";
import { commandTable } from "../src/cli/command-table.ts";
import { exitCodes } from "../src/cli/exit-code.ts";
import { entryPointsOf } from "./docs/declarations.ts";
import {
  circlesOf,
  codeOf,
  filesIn,
  importGraph,
  importsOf,
  neighbourGraph,
  root,
  textOf,
} from "./helpers/import-graph.ts";

interface Manifest {
  readonly name: string;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

const manifest = JSON.parse(textOf("package.json")) as Manifest;
const files = filesIn("src");
const graph = importGraph(files);

/** The source files that callers and the command start from. */
const entries = [
  "src/cli/main.ts",
  ...entryPointsOf(root).map(({ code }) =>
    relative(root, code).replaceAll("\\", "/").replace("dist/", "src/").replace(/\.js$/, ".ts"),
  ),
];

/** The layers from the bottom up: a file imports from its own part of its layer, or from a layer further down. */
const layers: readonly (readonly RegExp[])[] = [
  [/^src\/base\//],
  [/^src\/platform\//],
  [/^src\/http\//],
  [/^src\/auth\/oauth\//],
  [/^src\/auth\/secure-storage\//],
  [/^src\/auth\/sessions\//],
  [/^src\/auth\/token-manager\//],
  [/^src\/auth\/(account-tokens|authorized-fetch|present-token)\.ts$/, /^src\/auth\/workload\//],
  [/^src\/auth\/websocket\//, /^src\/auth\/loopback\//],
  [/^src\/auth\/flows\//],
  [/^src\/sync\//, /^src\/tracker\//, /^src\/agent\//],
  [/^src\/app\//],
  [/^src\/doctor\//, /^src\/index\.ts$/],
  [/^src\/cli\//],
];

/** The layer of a file and its part of that. */
function placeOf(file: string): { layer: number; part: RegExp } {
  const layer = layers.findIndex((parts) => parts.some((part) => part.test(file)));
  const part = layers[layer]?.find((pattern) => pattern.test(file)) ?? assert.fail(`${file} is in no layer`);
  return { layer, part };
}

function isDownward(file: string, target: string): boolean {
  const [from, to] = [placeOf(file), placeOf(target)];
  return to.layer < from.layer || to.part === from.part;
}

/** The lines of code that a rule forbids, except in the files that are their place. */
function offenders(pattern: RegExp, place: RegExp, within: RegExp = /^src\//): string[] {
  return files
    .filter((file) => within.test(file) && !place.test(file))
    .flatMap((file) => linesOf(codeOf(file), pattern, file));
}

function linesOf(text: string, pattern: RegExp, file: string): string[] {
  return text
    .split("\n")
    .filter((line) => pattern.test(line))
    .map((line) => `${file}: ${line.trim()}`);
}

const nowhere = /^$/;

test("imports go downwards", () => {
  const imports = [...graph].flatMap(([file, targets]) => [...targets].map((target) => ({ file, target })));
  assert.deepEqual(
    imports.filter(({ file, target }) => !isDownward(file, target)),
    [],
  );
});

test("no files import each other in a circle, and no directories, imports of types included", () => {
  assert.deepEqual(circlesOf(graph), []);
  assert.deepEqual(circlesOf(neighbourGraph(graph)), []);
  // The rule finds what it is for.
  const circle = new Map([
    ["src/a/b/x.ts", new Set(["src/a/c/y.ts"])],
    ["src/a/c/z.ts", new Set(["src/a/b/w.ts"])],
  ]);
  assert.deepEqual(circlesOf(neighbourGraph(circle)), ["src/a/b → src/a/c → src/a/b"]);
});

test("nothing imports index.ts", () => {
  assert.deepEqual(
    files.filter((file) => graph.get(file)?.has("src/index.ts")),
    [],
  );
});

test("every file is reachable from the command or an entry point", () => {
  const reached = new Set(entries);
  // It grows while it is gone through.
  for (const file of reached)
    for (const target of graph.get(file) ?? assert.fail(`there is no ${file}`)) reached.add(target);
  assert.deepEqual(
    files.filter((file) => !reached.has(file)),
    [],
  );
});

test("every export is used outside its own file, or in it and by a test of its own", () => {
  const usedBy = (importers: readonly string[]): Set<string> =>
    new Set(importers.flatMap(importsOf).flatMap(({ from, names }) => names.map((name) => `${from}#${name}`)));
  const used = usedBy(files);
  const tested = usedBy(filesIn("test"));
  const unused = files
    .filter((file) => !entries.includes(file))
    .flatMap((file) =>
      [
        ...codeOf(file).matchAll(
          /^export (?:abstract )?(?:async )?(?:class|function\*?|const|interface|type|let) (\w+)/gm,
        ),
      ]
        .map(([, name = ""]) => name)
        .filter((name) => !used.has(`${file}#${name}`))
        .filter(
          (name) =>
            !tested.has(`${file}#${name}`) || codeOf(file).match(new RegExp(`\\b${name}\\b`, "g"))?.length === 1,
        )
        .map((name) => `${file}: ${name}`),
    );
  assert.deepEqual(unused, []);
});

test("the package depends on the keychain's library, optionally and at one exact version, and on nothing else", () => {
  assert.deepEqual(Object.keys(manifest.dependencies ?? {}), []);
  assert.deepEqual(Object.keys(manifest.optionalDependencies ?? {}), ["@napi-rs/keyring"]);
  assert.match(manifest.optionalDependencies?.["@napi-rs/keyring"] ?? "", /^\d+\.\d+\.\d+$/);
});

test("what is imported, or run from node_modules, is declared in a package.json, tools included; and what is declared is used", () => {
  const declaredIn = (path: string): string[] => {
    const { dependencies, optionalDependencies, devDependencies } = JSON.parse(textOf(path)) as Manifest;
    return Object.keys({ ...dependencies, ...optionalDependencies, ...devDependencies });
  };
  const usedIn = (...folders: string[]): Set<string> =>
    new Set(folders.flatMap((folder) => filesIn(folder, /\.[jt]s$/)).flatMap(packagesUsedBy));
  assert.deepEqual([...usedIn("src", "bin")], Object.keys(manifest.optionalDependencies ?? {}), "what ships");
  const used = usedIn("test");
  const tools = Object.values(manifest.scripts ?? {}).flatMap((script) =>
    [...script.matchAll(/(?:^|&& |--import |test\/tools -- )(\w+)\b/g)].map(([, tool = ""]) => tool),
  );
  const packageOf: Record<string, string> = { tsc: "typescript", biome: "@biomejs/biome" };
  for (const tool of tools) if (!["node", "npm"].includes(tool)) used.add(packageOf[tool] ?? tool);
  const declared = [
    ...declaredIn("package.json"),
    ...declaredIn("test/peers/package.json"),
    ...declaredIn("test/peers/bundlers/package.json"),
    ...declaredIn("test/tools/package.json"),
    ...declaredIn("test/peers/runtimes/package.json").filter((name) => name === "node-26"),
  ];
  assert.deepEqual(
    [...used].filter((name) => name !== manifest.name && !declared.includes(name)),
    [],
    "undeclared",
  );
  // The compiler takes the types of Node by their name in tsconfig.json; what ships is judged above.
  for (const name of ["@types/node", ...Object.keys(manifest.optionalDependencies ?? {})]) used.add(name);
  assert.deepEqual(
    declared.filter((name) => !used.has(name)),
    [],
    "unused",
  );
});

/** The packages that a file imports, resolves by name, or takes a file of from `node_modules`. */
function packagesUsedBy(file: string): string[] {
  const code = codeOf(file);
  const ways = [
    /\bdependency = "([^"]+)"/g,
    /\b(?:require|resolve|createRequire\(import\.meta\.url\))\("([^"]+)"\)/g,
    /node_modules(?:\/|", ")(@[\w.-]+(?:\/|", ")[\w.-]+|[\w-][\w.-]*)/g,
    /"--import", "([^"]+)"/g,
  ];
  const named = ways.flatMap((way) => [...code.matchAll(way)].map(([, name = ""]) => name.replace('", "', "/")));
  const isPackage = (name: string): boolean => /^(@[\w.-]+\/)?[a-z][\w.-]*$/.test(name);
  return [...importsOf(file).map(({ from }) => from), ...named].filter(
    (name) => isPackage(name) && !isBuiltin(name) && !/\.[jt]s$/.test(name),
  );
}

test("each effect is in its one place", () => {
  assert.deepEqual(
    offenders(
      /"node:fs(\/promises)?"/,
      /^src\/(platform\/|auth\/secure-storage\/|sync\/queue|app\/stores\/(file|contract)\.ts$)/,
    ),
    [],
    "files",
  );
  assert.deepEqual(
    offenders(
      /"node:child_process"/,
      /^src\/(platform\/(browser|restart|git|named-program)|auth\/secure-storage\/keychain-process|app\/stores\/contract)\.ts$/,
    ),
    [],
    "processes",
  );
  const starters = files.filter((file) => /"node:child_process"/.test(codeOf(file)));
  const started = starters.flatMap((file) =>
    [...codeOf(file).matchAll(/(?<![.\w])(?:spawn|fork|exec|execFile)(?:Sync)?\)?\(\s*([^,)\s]+)/g)].map(
      ([, program = ""]) => ({ file, program }),
    ),
  );
  assert.deepEqual(
    started.filter(({ file, program }) => program !== "process.execPath" && !isFound(file, program)),
    [],
    "a program is started by the absolute path that the search returns, or is this one (S-016)",
  );
  assert.ok(started.some(({ program }) => program === "found"));
  assert.deepEqual(offenders(/\bshell: (true|")/, nowhere), [], "no shell is involved");
  assert.deepEqual(offenders(/^import (?!type\b).*"node:(dns|net|tls|https)\b/, /^src\/platform\//), [], "sockets");
  assert.deepEqual(
    offenders(
      /\bcreateServer\(/,
      /^src\/(auth\/loopback\/callback-(server|port)|platform\/process-lock\/life-socket|app\/testing\/listen)\.ts$|^src\/agent\/server\.ts$/,
    ),
    [],
    "servers",
  );
  const clocks =
    /\bset(Timeout|Interval|Immediate)\(|\bDate\.now\(|\bnew Date\(\)|performance\.now\(|AbortSignal\.timeout\(|timers\/promises/;
  assert.deepEqual(offenders(clocks, /^src\/(platform|app\/testing)\/clock\.ts$/), [], "clocks");
  assert.deepEqual(
    offenders(/\bdlopen\(|@napi-rs\/keyring"(?! \(\$)/, /^src\/auth\/secure-storage\/keychain-(library|program)\.ts$/),
    [],
    "the keychain's library",
  );
  assert.deepEqual(
    offenders(/\bcreateRequire\b|(?<!\w)require\((?!"node:)/, nowhere),
    [],
    "nothing is looked for in the directories above, as require does (S-012)",
  );
});

/** Whether a variable of a file is what the search for programs returned. */
function isFound(file: string, variable: string): boolean {
  return new RegExp(`\\bconst ${variable} = (?:find|require)Program\\(`).test(codeOf(file));
}

test("nothing below the command line prints or exits", () => {
  const place =
    /^src\/(cli\/|platform\/terminal\.ts$|auth\/secure-storage\/keychain-process\.ts$|app\/stores\/contract\.ts$)/;
  assert.deepEqual(offenders(/\bconsole\.|process\.(stdout|stderr)\b|process\.exit(Code)?\b/, place), []);
});

test("the tool's own name is in bin/, the manifest and the one file that makes the identity, and in no other, comments included", () => {
  const named = files
    .filter((file) => file !== "src/base/identity.ts")
    .flatMap((file) => linesOf(textOf(file), /spec[ _-]?kitty/i, file));
  assert.deepEqual(named, []);
});

test("below cli/ and doctor/ no text holds a command line: a hint is data", () => {
  const verbs = commandTable.flatMap(({ words: [, verb] }) => verb ?? []);
  const line = new RegExp(`(?<!command(?::| ===) )["\`'][^"\`']*\\b(auth|sync|tracker) (${verbs.join("|")})\\b`);
  assert.deepEqual(offenders(line, /^src\/(cli|doctor)\//), []);
  assert.match('"log in first: auth login"', line);
  assert.doesNotMatch('{ command: "auth login" }', line);
});

test("NFR-014 a hint names a command of the system that Windows has too, or that is about modes, owners and signals", () => {
  const named = files.flatMap((file) =>
    [...codeOf(file).matchAll(/\brun: \["(\w+)"|\bcommand\("(\w+)"/g)].map(([, run, doctors]) => run ?? doctors ?? ""),
  );
  const both = ["cd", "git", "nslookup", "icacls"];
  const posix = ["chmod", "sudo", "kill"];
  for (const program of new Set(named)) {
    const shown = hintText([{ run: [program, "-x", "a", "b"] }], { identity: ownIdentity, platform: "win32" });
    assert.ok([...both, ...posix].includes(program) || !shown.startsWith(`${program} -x`), program);
  }
  assert.deepEqual(offenders(/[`"'](.* )?(unset|export) [A-Z$]/, /^src\/base\/hint\.ts$/), [], "how a variable is set");
});

test("every error has a code of the list, though the type of codes is open", () => {
  const codes = new Set(Object.keys(exitCodes));
  const named = files.flatMap((file) =>
    [...codeOf(file).matchAll(/\bnew (?:Auth|Service)Error\(\s*"(\w+)"/g)].map(([, code = ""]) => code),
  );
  assert.ok(named.length > 50, `${named.length} are found`);
  assert.deepEqual(
    named.filter((code) => !codes.has(code)),
    [],
  );
});

test("no error is without a hint: the compiler asks for one, and none is empty", () => {
  const options = /interface AuthErrorOptions \{[^}]*\bhint: string \| Hint;/;
  assert.match(codeOf("src/base/errors.ts"), options);
  assert.deepEqual(offenders(/\bhint: (?:""|\[\]|hint``|undefined)/, nowhere), []);
  assert.deepEqual(offenders(/\bas (?:AuthErrorOptions|Hint)\b/, nowhere), []);
});

test("each decision has one definition", () => {
  // The tracker has a rule of its own for 429, and 501 is the answer of a service that lacks the endpoint.
  assert.deepEqual(
    offenders(/\b(408|429|50[2-4])\b|\bstatus >= 500\b/, /^src\/(http\/retry|tracker\/request)\.ts$/),
    [],
    "which HTTP status may pass",
  );
  assert.deepEqual(
    offenders(/\b(network|service)_unavailable".*\b(network|service)_unavailable"/, /^src\/base\/errors\.ts$/),
    [],
    "which error is transient",
  );
  const replacing = /\bf(data)?sync(Sync)?\(|\brename(Sync)?\(/;
  assert.deepEqual(
    offenders(replacing, /^src\/platform\/(replace-file|process-lock\/(directory|life-socket))\.ts$/),
    [],
    "how a file is replaced or moved",
  );
  // fish has quotes of its own, in which a backslash escapes.
  assert.deepEqual(
    offenders(/\.replace(All)?\((?:"'"|\/\['\b|\/\['\\)/, /^src\/(base\/hint|cli\/completion\/scripts)\.ts$/),
    [],
    "how a word is quoted for a shell",
  );
});

test("C-001 no command and no prompt knows a password", () => {
  // git's protocol has an attribute of that name, and what it carries there is an access token.
  assert.deepEqual(
    offenders(/password/i, /^src\/cli\/(commands\/auth\/git-credential\.ts|topics\/)/, /^src\/cli\//),
    [],
  );
});

test("no service's host name is in the code, but for the providers that have a name here", () => {
  const named = /^src\/(auth\/oauth\/named-providers|cli\/topics\/providers)\.ts$/;
  const hosts = files
    .filter((file) => !named.test(file))
    .flatMap((file) => [...codeOf(file).matchAll(/https?:\/\/([\w.-]+\.[a-z]{2,})/g)].map(([, host = ""]) => host));
  assert.deepEqual(
    hosts.filter((host) => !/(^|\.)example(\.helper)?$/.test(host)),
    [],
  );
});

test("every time limit is the clock's: Deno would stay alive until one of the runtime's own has passed", () => {
  assert.deepEqual(offenders(/AbortSignal\.timeout/, nowhere), []);
});

test("C-012 no lifetime of a refresh token is ours", () => {
  assert.deepEqual(offenders(/refresh\w*(lifetime|days|ttl)|7_?776_?000|2_?592_?000/i, nowhere), []);
});

test("types are never switched off", () => {
  assert.deepEqual(offenders(/@ts-(ignore|nocheck|expect-error)|\bas any\b|: any\b|<any>/, nowhere), []);
});

test("only test/peers has suites of tests: elsewhere the runner does not follow which suite a test is in", () => {
  const suites = filesIn("test").filter((file) => /\b(describe|suite)\b[^;]* from "node:test"/.test(textOf(file)));
  assert.deepEqual(
    suites.filter((file) => !file.startsWith("test/peers/")),
    [],
  );
});

test("acceptance tests enter through the real command or the published import, and import no login flow", () => {
  const inside = filesIn("test/acceptance").filter((file) => /\/auth\/flows\//.test(textOf(file)));
  assert.deepEqual(inside, []);
});

test("every requirement that code, a test or a document names by number is in test/REQUIREMENTS.md, and the others are not", () => {
  const number = /\b(?:FR|NFR|C|S)-\d{3}\b/g;
  const known = new Set(
    [...textOf("test/REQUIREMENTS.md").matchAll(/^\| ([A-Z]+-\d{3}) \| \S/gm)].map(([, found = ""]) => found),
  );
  const texts = ["src", "test", "bin"]
    .flatMap((folder) => filesIn(folder, /\.(ts|js|md)$/))
    .filter((file) => file !== "test/REQUIREMENTS.md");
  const used = [...texts, "README.md", "CHANGELOG.md"].flatMap((file) =>
    (textOf(file).match(number) ?? []).map((found) => [found, file] as const),
  );
  assert.deepEqual(
    used.filter(([found]) => !known.has(found)),
    [],
  );
  assert.deepEqual(
    [...known].filter((found) => !used.some(([one]) => one === found)),
    [],
  );
});

test("the top level holds what ARCHITECTURE asks for: manifest, sources, tests, the command and three documents", () => {
  const tracked = execFileSync("git", ["-c", "safe.directory=*", "ls-files"], { cwd: root, encoding: "utf8" })
    .trim()
    .split("\n")
    .filter((path) => existsSync(join(root, path)));
  const top = new Set(tracked.map((path) => path.split("/")[0] ?? "").filter((name) => !name.startsWith(".")));
  const expected = [
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "bin",
    "package-lock.json",
    "package.json",
    "src",
    "test",
    "tsconfig.json",
  ];
  assert.deepEqual([...top].sort(), expected);
});

/** What a module of `sync/` or `tracker/` can get a token into a request with: none of these gives the token itself. */
const oneDoor = /\b(AuthorizedFetch|ServiceAccess|DrainOptions|TrackerAccess|TokenManager|WebSocketTicket)\b/;
/** Where a token becomes text again: what sends it, what seals it, and the commands whose answer it is. */
const revealing = /\.reveal\(\)/;
const revealingPlace = /^src\/(auth\/|agent\/|base\/secret\.ts|cli\/credential\.ts|cli\/commands\/auth\/token\.ts)/;
/** Writing the header (RFC 6750 §2.1), in any way. */
const header = /\b(?<!proxy-)authorization\b["'`]?\]?\s*[:,=]|\bBearer (\$\{|["'`] ?\+)/i;
/** Another library's shape of a request or an answer is written where it is handed to that library; a fake issuer has the endpoint. */
const headerPlace =
  /^src\/(auth\/|agent\/|app\/adapters\.ts|app\/testing\/|cli\/(commands\/auth\/bazel-credential|json-output)\.ts)/;

test("FR-016 FR-017 at least eight modules of sync/ and tracker/ send their requests through the one door", () => {
  const transports = files.filter((file) => /^src\/(sync|tracker)\//.test(file) && oneDoor.test(codeOf(file)));
  assert.ok(transports.length >= 8, transports.join(", "));
  // Their callers pass it to them: none makes a door of its own, and none opens a connection past it.
  const inTransports = (pattern: RegExp): string[] => offenders(pattern, nowhere, /^src\/(sync|tracker)\//);
  assert.deepEqual(
    inTransports(/\bnew (TokenManager|WebSocket|LocalStore|MemoryStore|DataKey)\b|createAuthorizedFetch\(/),
    [],
  );
  assert.deepEqual(inTransports(/globalThis|"(node:https?|node:http2|node:net|node:tls|undici)"/), []);
  assert.deepEqual(inTransports(/^import (?!type).*\/auth\/(sessions|secure-storage|token-manager)/), []);
  // A bare `fetch(` is the one that was passed in, not the runtime's.
  const bare = files.filter((file) => /^src\/(sync|tracker)\//.test(file) && /(?<![.\w])fetch\(/.test(codeOf(file)));
  assert.deepEqual(
    bare.filter((file) => !/\{[^}]*\bfetch\b[^}]*\}/.test(codeOf(file))),
    [],
  );
});

test("FR-016 FR-017 there is no other way to a token: outside auth/ nothing reveals one and nothing writes the header", () => {
  const proxy = /^src\/platform\/(proxy|proxied-fetch)\.ts/; // Its user and password, which are no token of ours.
  assert.deepEqual(
    offenders(revealing, revealingPlace).filter((line) => !proxy.test(line)),
    [],
  );
  // `auth token` prints it for another program, and its help shows how that would write it.
  const shown = /^src\/cli\/commands\/auth\/token\.ts: (\[?\(\{ command \}\) => `curl|const shown = |header: \{ type)/;
  assert.deepEqual(
    offenders(header, headerPlace).filter((line) => !proxy.test(line) && !shown.test(line)),
    [],
  );
  assert.deepEqual(
    offenders(
      /\b(access|refresh)_token\b/,
      /^src\/(auth\/|agent\/|cli\/json-output\.ts|app\/adapters\.ts|app\/testing\/)/,
    ),
    [],
  );
  // The rules find what they are for.
  const writing = [
    'headers.set("authorization", token)',
    "{ authorization: `Bearer ${token}` }",
    "headers['Authorization'] = token",
    '"Bearer " + token',
  ];
  for (const line of writing) assert.match(line, header);
  assert.match("session.accessToken.reveal()", revealing);
  assert.doesNotMatch('"proxy-authorization": credentials', header);
});
