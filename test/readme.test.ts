import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { Output } from "../src/cli/output.ts";
import { dispatch } from "../src/cli/dispatch.ts";
import { exitCodes } from "../src/cli/exit-code.ts";
import { renderError } from "../src/cli/render-error.ts";
import { AuthError, type KnownErrorCode } from "../src/base/errors.ts";
import { ownIdentity } from "../src/base/identity.ts";
import { page } from "../src/base/text.ts";
import { topicTable } from "../src/cli/command-table.ts";
import { MockProvider } from "./conformance/mock-provider.ts";
import { anchorOf } from "./docs/markdown.ts";
import { pictureFile, record, screens } from "./docs/screens.ts";
import { rowsOf, textOf } from "./docs/terminal-picture.ts";
import { approveDevice } from "./fake-saas/user.ts";
import { bin, withoutWaits, type CommandEnvironment, type CommandResult } from "./helpers/command.ts";
import { scene } from "./helpers/scene.ts";
import { filesIn } from "./helpers/import-graph.ts";
import { signIn } from "./helpers/stored-session.ts";
import { writeTool } from "./helpers/tool.ts";
import { noTmux } from "./helpers/tmux.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const readme = read("README.md");
/** The documents that stand next to what they are about, by their paths. */
const documents = new Map(
  ["README.md", "test/README.md", "CHANGELOG.md", ...filesIn("src", /\.md$/)].map((path) => [path, read(path)]),
);
/** The topics of the help, as the command prints them. */
const topics = new Map(
  await Promise.all(topicTable.map(async ({ name, load }) => [name, page((await load())(ownIdentity), 80)] as const)),
);
const { scripts, files } = JSON.parse(read("package.json")) as { scripts: Record<string, string>; files: string[] };

/** The fenced blocks of a language in a document, in order. */
function blocks(language: string, document = "README.md"): string[] {
  return [...(documents.get(document) ?? "").matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)]
    .filter(([, found]) => found === language)
    .map(([, , text = ""]) => text);
}

/** The items of a list, each with the words before its first colon. */
function items(text: string): { about: string[]; text: string }[] {
  return [...text.matchAll(/^- ((?:\w+(?:,\s+)?)+): ((?:.|\n {2})*)/gm)].map(([, about = "", meaning = ""]) => ({
    about: about.split(/,\s+/),
    text: meaning,
  }));
}

/** The rows of the tables in a text, each a list of its cells, without the heads. */
function rows(text: string): string[][] {
  const lines = text.split("\n").filter((line) => /^\|(?!---)/.test(line));
  return lines.slice(1).map((line) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** A text that has `…` where something differs, as a pattern for the whole of it. */
function pattern(text: string): RegExp {
  return new RegExp(
    `^${text
      .split("…")
      .map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"))
      .join("[^]*")}$`,
  );
}

/** Runs a program to its end. If it asks for a code to be entered somewhere, that is done. */
async function run(
  t: TestContext,
  program: string,
  args: readonly string[],
  env: CommandEnvironment,
  cwd: string,
): Promise<CommandResult> {
  const child = spawn(program, args, { env, cwd, stdio: ["ignore", "pipe", "pipe"] });
  t.after(() => void child.kill("SIGKILL"));
  let stdout = "";
  let stderr = "";
  let approved: Promise<unknown> | undefined;
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    const [, address, code] = /on any device:\n\n {2}(\S+)\n[^]*enter this code:\n\n {2}(\S+)\n/.exec(stderr) ?? [];
    if (address !== undefined && code !== undefined) approved ??= approveDevice(address, code);
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

/** A scene with `spec-kitty` on the path, and a working folder. */
async function stage(
  t: TestContext,
): Promise<Awaited<ReturnType<typeof scene>> & { work: string; shell: (script: string) => Promise<CommandResult> }> {
  const it = await scene(t, { deviceIntervalSeconds: 1 });
  const work = join(it.folder, "work");
  const programs = join(it.folder, "bin");
  mkdirSync(work);
  mkdirSync(programs);
  writeFileSync(join(programs, "spec-kitty"), `#!/bin/sh\nexec '${process.execPath}' '${bin}' "$@"\n`);
  chmodSync(join(programs, "spec-kitty"), 0o755);
  const env = { ...it.env, PATH: `${programs}:${it.env["PATH"]}` };
  return { ...it, work, shell: (script) => run(t, "bash", ["-euc", script], env, work) };
}

/** Every `spec-kitty …` in a text, as a shell would split it. */
function commandsIn(text: string): { line: string; args: string[] }[] {
  return [...text.matchAll(/(?<![\w./=-])spec-kitty((?: +(?:'[^']*'|"[^"]*"|[^\s'"`|<>();&!]+))*)/g)].map(
    ([line, rest = ""]) => ({
      line,
      args: [...rest.matchAll(/'([^']*)'|"([^"]*)"|([^\s'"]+)/g)].map(
        ([, single, double, bare]) => single ?? double ?? bare ?? "",
      ),
    }),
  );
}

test("the README has its sections in the order in which a newcomer needs them, and at most 9 kB", () => {
  const titles = [...readme.matchAll(/^## (.*)$/gm)].map(([, title]) => title);
  assert.deepEqual(titles, [
    "Install",
    "Log in",
    "One refresh",
    "Scripts and CI",
    "In your own tool",
    "Containers, git, kubectl and others",
    "Storage and security",
    "More",
  ]);
  const [first = ""] = readme.split(/^## /m);
  for (const said of ["npm run demo", "createCommand", "auth login", "You need", "not for you if", "Status:"])
    assert.ok(first.includes(said), `the first screen has no "${said}"`);
  assert.ok(Buffer.byteLength(readme) <= 9_000, `${Buffer.byteLength(readme)} bytes`);
});

/** What links to the headings of a document end with. */
function anchorsOf(document: string): string[] {
  return [...read(document).matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) => anchorOf(title));
}

/** What npm puts into the package: what the manifest names, and the first two always. */
const shipped = ["README.md", "LICENSE", ...files].map(
  (path) => new RegExp(`^${path.replaceAll(".", "\\.").replaceAll("*", "[^/]*")}(?:/|$)`),
);
const isShipped = (path: string): boolean => shipped.some((pattern) => pattern.test(path));

test("every file and every heading that a document names or links to is there, and in the package if the document is", () => {
  for (const [document, text] of documents) {
    for (const [, path = "", anchor] of text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)) {
      const link = `${document} links to ${path}#${anchor}`;
      const target = path === "" ? document : join(dirname(document), path).replaceAll("\\", "/");
      assert.ok(existsSync(join(root, target)), link);
      assert.ok(anchor === undefined || anchorsOf(target).includes(anchor), link);
      // What the package has is read without a clone.
      assert.ok(!isShipped(document) || isShipped(target), link);
    }
    for (const [, path = ""] of text.matchAll(/`((?:src|test|bin)\/[\w./-]*)`/g))
      assert.ok(existsSync(join(root, path)), `${document} names ${path}`);
  }
  for (const [, path = ""] of (documents.get("src/README.md") ?? "").matchAll(
    /`((?:\.\.\/)?[\w-]+(?:\/[\w-]+)*(?:\/|\.ts|\.js))`/g,
  )) {
    assert.ok(
      ["src", "src/app", "src/cli", "src/auth"].some((folder) => existsSync(join(root, folder, path))) ||
        existsSync(join(root, path)),
      `src/README.md names ${path}`,
    );
  }
});

test("src/README.md has a paragraph for every directory with a layer of its own", () => {
  const folders = (below: string): string[] =>
    readdirSync(join(root, "src", below), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => `${below}${name}/`);
  const described = [...(documents.get("src/README.md") ?? "").matchAll(/\*\*`([\w/-]+\/)`\*\*/g)].map(
    ([, folder = ""]) => folder,
  );
  assert.deepEqual(described.sort(), [...folders(""), ...folders("auth/")].sort());
});

test("every command of the README and of its pages runs as it stands, one block after the other", async (t) => {
  if (process.platform === "win32") return t.skip("the blocks are for a shell of Unix");
  const { shell } = await stage(t);
  const provider = await MockProvider.start({ dpop: "nonces" });
  t.after(() => provider.close());
  const pages = ["README.md", ...["providers", "accounts", "service"].map((page) => `src/docs/${page}.md`)];
  const all = pages.flatMap((page) => blocks("sh", page));
  assert.ok(all.length >= 5, "there are few");
  for (const block of all) {
    // Another provider is one for a service of its own.
    const script = block.replaceAll("https://login.example", provider.issuer).replaceAll("my-client", "cli_native");
    const { code, stdout, stderr } = await shell(
      script === block ? block : `SPEC_KITTY_SAAS_URL=${provider.resource}; ${script}`,
    );
    assert.equal(code, 0, `${block}\n${stderr}\n${stdout}`);
  }
});

for (const name of ["one-refresh", "login", "device-login", "status"] as const) {
  test(`the picture "${name}" shows what a terminal shows: it is not older than the command`, {
    skip: noTmux,
  }, async (t) => {
    const picture = read(pictureFile(name));
    // Ports, random values and times differ, and are all as long as the next: the rows break at the same places.
    const same = (rows: readonly string[]): string =>
      withoutWaits(rows.map((row) => (/^[█▀▄ ]+$/.test(row) ? "" : row)).join("\n"))
        .replace(/(?<=127\.0\.0\.1(?::|%3A))\d{5}/g, "PORT")
        .replace(
          /(?<=state=)[\w-\n]{44}|(?<=challenge=)[\w-\n]{44}|(?<=test-)\w{6}|(?<=ses_)[\w-]{36}|\b[A-Z]{4}-[A-Z]{4}\b/g,
          "RANDOM",
        )
        .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME")
        .trimEnd();
    assert.match(same(rowsOf(picture)), name === "one-refresh" ? /^refreshes: 1, reuses: 0$/m : /PORT/);
    // When this fails: node --import tsx test/docs/picture.ts
    assert.equal(same(rowsOf(picture)), same((await record(t, screens[name])).map(textOf)));
    assert.ok(picture.length < 60_000);
  });
}

test("every other command that a document or a topic names is one: words, options and scripts", async () => {
  const texts = [...documents.values()];
  const named = [
    ...[...documents.keys()].flatMap((document) => blocks("console", document)),
    ...texts.flatMap((text) =>
      [...text.replace(/^```[\s\S]*?^```$/gm, "").matchAll(/`([^`\n]+)`/g)].map(([, code = ""]) => code),
    ),
    ...topics.values(),
  ];
  const found = named
    .flatMap(commandsIn)
    .filter(({ args }) => args.length > 0 && !args.some((arg) => /^(?:…|TOPIC)$/.test(arg)));
  assert.ok(found.length >= 10, "there are few");
  // Git adds what it wants of a helper.
  for (const { args } of found) if (args.at(-1) === "git-credential") args.push("get");
  for (const { line, args } of found)
    if (args[0] !== "--version") await assert.doesNotReject(dispatch(args, ownIdentity), line);
  for (const [line, name = ""] of texts.join("\n").matchAll(/npm (?:run )?((?<=run )[\w:-]+|test)/g))
    assert.ok(Object.hasOwn(scripts, name), line);
});

test("every program in the README and its pages compiles against the package's own types, as strictly as the package itself, and runs", async (t) => {
  const { saas, folder, env } = await stage(t);
  const programs = [...blocks("ts"), ...blocks("ts", "src/docs/service.md")];
  assert.equal(programs.length, 2);
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(root, join(folder, "node_modules", "spec-kitty"), "junction");
  writeFileSync(join(folder, "package.json"), `{ "type": "module" }`);
  const options = {
    rootDir: ".",
    outDir: "out",
    typeRoots: [join(root, "node_modules", "@types")],
    declaration: false,
    isolatedDeclarations: false,
    sourceMap: false,
    inlineSources: false,
    skipLibCheck: false,
    skipDefaultLibCheck: true,
  };
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({ extends: join(root, "tsconfig.json"), compilerOptions: options, include: ["*.ts"] }),
  );
  programs.forEach((text, index) => writeFileSync(join(folder, `program-${index}.ts`), text));
  try {
    execFileSync(process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "-p", folder], {
      encoding: "utf8",
    });
  } catch (error) {
    assert.fail((error as { stdout: string }).stdout);
  }
  await signIn(saas, env);
  for (const index of programs.keys()) {
    const { code, stdout, stderr } = await run(
      t,
      process.execPath,
      [join(folder, "out", `program-${index}.js`)],
      env,
      folder,
    );
    assert.deepEqual([code, stderr], [0, ""], programs[index]);
    t.diagnostic(stdout.trim());
  }
});

test("the README's two tools run as they stand, but for the URLs and the client: one by its commands, one by functions", async (t) => {
  const { saas, folder, env } = await scene(t);
  const [commands = "", functions = "", ...more] = blocks("js");
  assert.deepEqual(more, []);
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(root, join(folder, "node_modules", "spec-kitty"), "junction");
  const machine = {
    ...env,
    SPEC_KITTY_CONFIG_DIR: undefined,
    XDG_CONFIG_HOME: join(folder, "config"),
    ACME_STORAGE: "file",
  };
  const start = (source: string, name: string, ...args: string[]): Promise<CommandResult> =>
    run(t, process.execPath, [writeTool(source, folder, name, { url: saas.url }), ...args], machine, folder);
  const login = await start(commands, "commands.mjs", "auth", "login");
  assert.match(login.stdout, /^✓ Logged in as alice@example\.com/, login.stderr);
  assert.equal((await start(commands, "commands.mjs", "auth", "logout")).code, 0);
  const { code, stdout, stderr } = await start(functions, "functions.mjs");
  assert.deepEqual([code, (JSON.parse(stdout) as { email: string }).email], [0, "alice@example.com"], stderr);
  assert.match(stderr, /^Log in at http:\/\/127\.0\.0\.1:\d+\/oauth\/authorize\?[^\n]*\n$/);
  assert.match((await start(commands, "commands.mjs", "auth", "status")).stdout, /Logged in as alice/);
  assert.deepEqual(readdirSync(join(folder, "config")), ["acme"]);
});

test("the sync script of the documents queues without a network, and sends when there is one", async (t) => {
  const { saas, folder, env } = await scene(t);
  const [script = ""] = blocks("ts", "src/docs/service.md");
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(root, join(folder, "node_modules", "spec-kitty"), "junction");
  // There are no types in it to strip.
  writeFileSync(join(folder, "sync.mjs"), script);
  const start = (): Promise<CommandResult> => run(t, process.execPath, [join(folder, "sync.mjs")], env, folder);
  await signIn(saas, env);
  await saas.stop();
  const offline = await start();
  assert.equal(offline.code, 0, offline.stderr);
  assert.equal(offline.stdout, "sent 0, 1 left\n");
  assert.match(offline.stderr, /^cannot reach /m);
  await saas.start();
  const online = await start();
  assert.equal(online.stdout, "sent 2, 0 left\n", online.stderr);
  assert.equal(saas.events.size, 2);
});

const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
  // What the topics say is what is compared with the rest.
  .filter((path) => path.endsWith(".ts") && !/[\\/]topics[\\/]/.test(path))
  .map((path) => readFileSync(join(root, "src", path), "utf8").replace(/\/\*[\s\S]*?\*\/|(?<![:"'`\w])\/\/.*$/gm, ""));

/** Every text in the code, with `…` for what is put into it. */
const literals = new Set(
  sources.flatMap((source) =>
    [...source.matchAll(/"((?:[^"\\\n]|\\.)+)"|`((?:[^`\\]|\\.)+)`/g)].map(([, plain, template]) =>
      (plain ?? template ?? "").replace(/\$\{(?:[^{}]|\{[^{}]*\})*\}/g, "…").replace(/\\(.)/g, "$1"),
    ),
  ),
);

/** Whether the code has this text, in one piece or as one text put into another. */
function isSaid(message: string): boolean {
  if (literals.has(message)) return true;
  return [...literals].some((frame) => {
    if (!frame.includes("…") || !frame.includes(" ")) return false;
    const filled = new RegExp(pattern(frame).source.replaceAll("[^]*", "(.+?)")).exec(message);
    return filled
      ?.slice(1)
      .every((part) => part === "…" || literals.has(part) || literals.has(part.replace(ownIdentity.variable(""), "")));
  });
}

test("every message in the troubleshooting topic is one that the code has, word for word", async (t) => {
  const messages = [...(topics.get("troubleshooting") ?? "").matchAll(/^ {4}(.*)$/gm)].map(
    ([, message = ""]) => message,
  );
  assert.ok(messages.length >= 7, `${messages.length} of them`);
  for (const message of messages) await t.test(message, () => assert.ok(isSaid(message), "the code does not say this"));
  assert.ok(!isSaid("the keychain is unlocked"), "what the code does not say is not found in it");
});

test("the exit codes of the help are those of the command, for every error code", () => {
  const codes = Object.keys(exitCodes) as KnownErrorCode[];
  const silent = { error() {}, hint() {}, say() {} } as unknown as Output;
  const actual = codes.map((code): [string, number] => [
    code,
    renderError(new AuthError(code, "so it is", { hint: "Try again" }), {
      out: silent,
      identity: ownIdentity,
      debug: false,
      json: false,
      mayHaveChanged: false,
    }),
  ]);
  const said = items(topics.get("exit-codes") ?? "").flatMap(({ about: [exit], text }) =>
    (/\(([^)]+)\)/.exec(text)?.[1]?.split(/,\s+/) ?? []).map((code): [string, number] => [code, Number(exit)]),
  );
  assert.ok(codes.length > 10, "there are few");
  assert.deepEqual(new Map(said), new Map(actual));
  assert.equal(said.length, codes.length);
});

test("the environment of the help has every variable of ours that the code reads, and no other", () => {
  const all = sources.join("\n");
  const ours = new Set(
    [...all.matchAll(/\bSPEC_KITTY_([A-Z_]+)\b|\bvariable(?:\(|: )"([A-Z_]+)"/g)].map(([, literal, name]) =>
      ownIdentity.variable(literal ?? name ?? ""),
    ),
  );
  const said = items(topics.get("environment") ?? "").flatMap(({ about }) => about);
  assert.deepEqual(said.filter((name) => name.startsWith("SPEC_KITTY_")).sort(), [...ours].sort());
  for (const name of said.filter((name) => !ours.has(name)))
    assert.match(all, new RegExp(`\\b(?:${name}|${name.toLowerCase()})\\b`), `nothing reads ${name}`);
});

test("the table of re-created modules has those that are tested, and no other", () => {
  const said = rows((documents.get("test/README.md") ?? "").split("## Conformance")[1] ?? "").flatMap(
    ([, modules = ""]) => [...modules.matchAll(/`([^`]+)`/g)].map(([, module]) => module),
  );
  const [openid = "", fapi = ""] = ["openid-connect", "fapi-2"].map((name) =>
    readFileSync(join(root, "test", "conformance", `${name}.test.ts`), "utf8"),
  );
  // What is tested beyond the modules has a title in words.
  const tested = [
    ...openid.matchAll(/\b(oidcc-client-test[\w-]*)/g),
    ...fapi.matchAll(/(?:test\(\s*"|^ {2}\[\s*"|test\(`)([\w-]+-[\w-]+)(?:: |",)/gm),
  ].map(([, module]) => module);
  assert.deepEqual(said.sort(), [...new Set(tested)].sort());
});
