import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Every TypeScript file below a folder, by its path from the root. */
function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .map((path) => join(folder, path))
    .sort();
}

const files = sources("src");
const textOf = new Map(files.map((file) => [file, readFileSync(join(root, file), "utf8")]));

/** A file without its comments and the contents of its strings: what the rules about code look at. */
function codeOf(file: string): string {
  return (textOf.get(file) ?? "").replace(/\/\*[\s\S]*?\*\/|(?<![:"'`\w])\/\/.*$/gm, "");
}

interface Import {
  from: string;
  names: string[];
}

/** What a file imports or re-exports, its own files as paths from the root. */
function importsOf(file: string): Import[] {
  const code = codeOf(file);
  const statement = /(?:^|\n)\s*(?:import|export)\s+(type\s+)?([^;"']*?)\s*from\s+"([^"]+)"|import\("([^"]+)"\)(?:\))?(?:\.(\w+)|)/g;
  const found: Import[] = [];
  for (const [, , clause = "", source, dynamic, member] of code.matchAll(statement)) {
    const specifier = source ?? dynamic ?? "";
    const from = specifier.startsWith(".") ? relative(root, resolve(root, dirname(file), specifier)) : specifier;
    const names = member ? [member] : [...clause.matchAll(/[{,]\s*(?:type\s+)?(\w+)(?:\s+as\s+\w+)?/g)].map(([, name = ""]) => name);
    found.push({ from, names });
  }
  // A module loaded when it is needed: `const { a, b } = await import("…")`.
  for (const [, clause = "", source = ""] of code.matchAll(/const\s+(\{[^}]*\})\s*=\s*await import\("([^"]+)"\)/g)) {
    if (!source.startsWith(".")) continue;
    found.push({ from: relative(root, resolve(root, dirname(file), source)), names: [...clause.matchAll(/[{,]\s*(\w+)/g)].map(([, name = ""]) => name) });
  }
  return found;
}

const imports = new Map(files.map((file) => [file, importsOf(file)]));

/** The folders from the ground up: a file imports from its own folder, or from one further down. */
const layers: readonly (readonly RegExp[])[] = [
  [/^src\/base\//],
  [/^src\/platform\//],
  [/^src\/http\//],
  [/^src\/auth\/oauth\//],
  [/^src\/auth\/secure-storage\//],
  [/^src\/auth\/session\.ts$/],
  [/^src\/auth\/session-store\.ts$/],
  [/^src\/auth\/token-manager\//],
  [/^src\/auth\/(account-tokens|authorized-fetch)\.ts$/, /^src\/auth\/websocket\//],
  [/^src\/auth\/loopback\//],
  [/^src\/auth\/flows\//],
  [/^src\/(sync|tracker)\//],
  [/^src\/app\//],
  [/^src\/doctor\//, /^src\/index\.ts$/],
  [/^src\/cli\//],
];

function layerOf(file: string): number {
  const layer = layers.findIndex((patterns) => patterns.some((pattern) => pattern.test(file)));
  assert.notEqual(layer, -1, `${file} is in no layer`);
  return layer;
}

/** The folder of `src/` that a file is in, or the file itself where it is in none. */
function folderOf(file: string): string {
  return file.split("/").slice(0, 2).join("/");
}

/** The lines of `src/` that a rule forbids, but for the files that are its place. */
function offenders(pattern: RegExp, place: RegExp): string[] {
  return files.filter((file) => !place.test(file)).flatMap((file) =>
    codeOf(file)
      .split("\n")
      .filter((line) => pattern.test(line))
      .map((line) => `${file}: ${line.trim()}`),
  );
}

test("imports go downwards", () => {
  const upward = files.flatMap((file) =>
    (imports.get(file) ?? []).filter(({ from }) => from.startsWith("src/") && layerOf(from) > layerOf(file)).map(({ from }) => `${file} imports ${from}`),
  );
  assert.deepEqual(upward, []);
});

test("no two folders import each other", () => {
  const pairs = new Set(files.flatMap((file) => (imports.get(file) ?? []).filter(({ from }) => from.startsWith("src/") && folderOf(from) !== folderOf(file)).map(({ from }) => `${folderOf(file)} ${folderOf(from)}`)));
  assert.deepEqual([...pairs].filter((pair) => pairs.has(pair.split(" ").reverse().join(" "))), []);
});

test("imports make no cycle, type imports included", () => {
  const cycles: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) return void cycles.push([...path.slice(path.indexOf(file)), file].join(" → "));
    if (done.has(file)) return;
    for (const { from } of imports.get(file) ?? []) if (from.startsWith("src/")) visit(from, [...path, file]);
    done.add(file);
  };
  files.forEach((file) => visit(file, []));
  assert.deepEqual(cycles, []);
});

test("nothing imports index.ts", () => {
  assert.deepEqual(files.filter((file) => imports.get(file)?.some(({ from }) => from === "src/index.ts")), []);
});

/** What `exports` of the package leads to. */
const entryPoints = ["src/index.ts", "src/app/sync.ts", "src/app/tracker.ts", "src/cli/main.ts"];

test("every file is reachable from the command or the library", () => {
  const reached = new Set<string>();
  const visit = (file: string): void => {
    if (reached.has(file) || !file.startsWith("src/")) return;
    reached.add(file);
    for (const { from } of imports.get(file) ?? []) visit(from);
  };
  entryPoints.forEach(visit);
  assert.deepEqual(files.filter((file) => !reached.has(file)), []);
});

test("every export has a caller outside its own file", () => {
  const used = new Set([...imports.values()].flat().flatMap(({ from, names }) => names.map((name) => `${from}#${name}`)));
  const unused = files
    .filter((file) => !entryPoints.includes(file))
    .flatMap((file) =>
      [...codeOf(file).matchAll(/^export (?:abstract )?(?:async )?(?:class|function|const|interface|type|let) (\w+)/gm)]
        .map(([, name = ""]) => name)
        // A type that an exported function names is part of what that function exports.
        .filter((name) => !used.has(`${file}#${name}`) && !isNamedByAnExport(file, name))
        .map((name) => `${file}: ${name}`),
    );
  assert.deepEqual(unused, []);
});

/** Whether a type is in the signature of something else that the file exports: its callers then see it without importing it. */
function isNamedByAnExport(file: string, name: string): boolean {
  const code = codeOf(file);
  if (!new RegExp(`^export (?:interface|type|class) ${name}\\b`, "m").test(code)) return false;
  return code.split(/^(?=export )/m).some((part) => part.startsWith("export ") && !new RegExp(`^export (?:interface|type|class) ${name}\\b`).test(part) && new RegExp(`\\b${name}\\b`).test(part));
}

test("each ambient effect is in its one place", () => {
  assert.deepEqual(offenders(/"node:fs(\/promises)?"/, /^src\/(platform\/|auth\/secure-storage\/|sync\/queue)/), [], "files");
  assert.deepEqual(offenders(/"node:child_process"/, /^src\/(platform\/(browser|restart)|auth\/secure-storage\/keychain)\.ts$/), [], "processes");
  assert.deepEqual(offenders(/^import (?!type\b).*"node:(dns|net|tls|https)\b/, /^src\/platform\//), [], "sockets");
  assert.deepEqual(offenders(/\bcreateServer\(/, /^src\/auth\/loopback\/callback-(server|port)\.ts$/), [], "servers");
  assert.deepEqual(offenders(/\bset(Timeout|Interval|Immediate)\(|\bDate\.now\(|\bnew Date\(\)|performance\.now\(|AbortSignal\.timeout\(|timers\/promises/, /^src\/platform\/clock\.ts$/), [], "clocks");
  assert.deepEqual(offenders(/\("@napi-rs\/keyring"\)/, /^src\/auth\/secure-storage\/keychain-process\.ts$/), [], "keychain");
  assert.deepEqual(offenders(/from "@napi-rs\/keyring"/, /^$/), [], "the keychain's library is loaded when it is needed");
});

test("nothing below the command line prints or exits", () => {
  assert.deepEqual(offenders(/\bconsole\.|process\.(stdout|stderr)\b|process\.exit(Code)?\b/, /^src\/cli\/|^src\/platform\/terminal\.ts$|^src\/auth\/secure-storage\/keychain-process\.ts$/), []);
});

test("C-001 no command and no prompt knows a password", () => {
  // git's protocol has an attribute of that name, and what it carries there is an access token.
  assert.deepEqual(offenders(/password/i, /^src\/(?!cli\/)|^src\/cli\/commands\/auth\/git-credential\.ts$/), []);
});

test("no service's host name is in the code", () => {
  const hosts = files.flatMap((file) => [...codeOf(file).matchAll(/https?:\/\/([\w.-]+\.[a-z]{2,})/g)].map(([, host = ""]) => host));
  assert.deepEqual(hosts.filter((host) => !/(^|\.)example(\.helper)?$/.test(host)), []);
});

test("C-012 no lifetime of a refresh token is ours", () => {
  assert.deepEqual(offenders(/refresh\w*(lifetime|days|ttl)|7_?776_?000|2_?592_?000/i, /^$/), []);
});

test("types are never switched off", () => {
  assert.deepEqual(offenders(/@ts-(ignore|nocheck|expect-error)|\bas any\b|: any\b|<any>/, /^$/), []);
});

test("tests of commands enter through the real command", () => {
  const inside = sources("test/acceptance").filter((file) => /\/auth\/flows\//.test(readFileSync(join(root, file), "utf8")));
  assert.deepEqual(inside, []);
});

test("the package depends on the keychain's library, optionally, and on nothing else", () => {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Record<string, Record<string, string> | undefined>;
  assert.deepEqual(Object.keys(manifest["dependencies"] ?? {}), []);
  assert.deepEqual(Object.keys(manifest["optionalDependencies"] ?? {}), ["@napi-rs/keyring"]);
  assert.deepEqual(Object.keys(manifest["devDependencies"] ?? {}).sort(), ["@types/node", "tsx", "typescript"]);
});

test("the top level holds what the README says", () => {
  const tracked = execFileSync("git", ["ls-files"], { cwd: root, encoding: "utf8" }).trim().split("\n");
  const top = new Set(tracked.map((path) => path.split("/")[0] ?? "").filter((name) => !name.startsWith(".")));
  const expected = ["CHANGELOG.md", "LICENSE", "README.md", "bin", "package-lock.json", "package.json", "src", "test", "tsconfig.json"];
  assert.deepEqual([...top].sort(), expected);
});

/** What a module of `sync/` or `tracker/` can get a token into a request with: none of these gives the token itself. */
const oneDoor = /\b(AuthorizedFetch|ServiceAccess|DrainOptions|TrackerAccess|TokenManager|WebSocketTicket)\b/;
/** Where a token becomes text again: what sends it, what seals it, and the commands whose answer it is. */
const revealing = /\.reveal\(\)/;
const revealingPlace = /^src\/(auth\/|cli\/credential\.ts|cli\/commands\/auth\/token\.ts)/;
/** Writing the header (RFC 6750 §2.1), in whichever way. */
const header = /\b(?<!proxy-)authorization\b["'`]?\]?\s*[:,=]|\bBearer (\$\{|["'`] ?\+)/i;
const headerPlace = /^src\/auth\//;

test("FR-016 FR-017 at least eight modules of sync/ and tracker/ send their requests through the one door", () => {
  const transports = files.filter((file) => /^src\/(sync|tracker)\//.test(file) && oneDoor.test(codeOf(file)));
  assert.ok(transports.length >= 8, transports.join(", "));
  // Each gets it from who made it: none makes a door of its own, and none opens a connection beside it.
  const inTransports = (pattern: RegExp): string[] => offenders(pattern, /^src\/(?!sync\/|tracker\/)/);
  assert.deepEqual(inTransports(/\bnew (TokenManager|WebSocket|SessionStore|SealedFile)\b|createAuthorizedFetch\(|globalThis|"(node:https?|node:http2|node:net|node:tls|undici)"/), []);
  assert.deepEqual(inTransports(/^import (?!type).*\/auth\/(session-store|secure-storage|token-manager)/), []);
  // A bare `fetch(` is the one that was handed in, and not the runtime's.
  const bare = files.filter((file) => /^src\/(sync|tracker)\//.test(file) && /(?<![.\w])fetch\(/.test(codeOf(file)) && !/\{[^}]*\bfetch\b[^}]*\}/.test(codeOf(file)));
  assert.deepEqual(bare, []);
});

test("FR-016 FR-017 there is no other way to a token: outside auth/ nothing reveals one and nothing writes the header", () => {
  const proxy = /^src\/platform\/(proxy|proxied-fetch)\.ts/; // Its user and password, which are no token of ours.
  assert.deepEqual(offenders(revealing, revealingPlace).filter((line) => !proxy.test(line)), []);
  // The help of `auth token` shows how another program would write it.
  const shown = /^src\/cli\/commands\/auth\/token\.ts: \['curl/;
  assert.deepEqual(offenders(header, headerPlace).filter((line) => !proxy.test(line) && !shown.test(line)), []);
  assert.deepEqual(offenders(/\b(access|refresh)_token\b/, /^src\/(auth\/|cli\/json-output\.ts)/), []);
  // The rules find what they are for.
  for (const line of ["headers.set(\"authorization\", token)", "{ authorization: `Bearer ${token}` }", "headers['Authorization'] = token", '"Bearer " + token']) assert.match(line, header);
  assert.match("session.accessToken.reveal()", revealing);
  assert.doesNotMatch('"proxy-authorization": credentials', header);
});
