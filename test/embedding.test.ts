// Every program of README and EMBEDDING that needs no package of others, in every state that its users can be in.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { createIdentity } from "../src/base/identity.ts";
import { startFakeSaas, type FakeSaas } from "./fake-saas/server.ts";
import { approveDevice } from "./fake-saas/user.ts";
import { scratchFolder, startCommand, type CommandEnvironment } from "./helpers/command.ts";
import { root, textOf } from "./helpers/import-graph.ts";
import { scriptedBrowser } from "./helpers/scripted-browser.ts";
import { sessionOf, storeSession } from "./helpers/stored-session.ts";
import { writeTool } from "./helpers/tool.ts";
import { until } from "./helpers/until.ts";

interface Machine {
  readonly saas: FakeSaas;
  readonly folder: string;
  readonly tool: string;
  readonly env: CommandEnvironment;
}

/** What is true before the program is started, and the variables that differ. */
type State = (machine: Machine) => CommandEnvironment | Promise<CommandEnvironment>;

async function loggedIn({ saas, env, tool }: Machine, leftMs: number): Promise<CommandEnvironment> {
  const toolIdentity = createIdentity({ name: tool, version: "1.2.0" });
  await storeSession(saas, env, sessionOf(saas, { leftMs }), { toolIdentity });
  return {};
}

const variable = (tool: string, name: string): string =>
  createIdentity({ name: tool, version: "1.2.0" }).variable(name);

const states = {
  "logged out": () => ({}),
  "logged in": (machine) => loggedIn(machine, 3_600_000),
  expired: (machine) => loggedIn(machine, -1000),
  async revoked(machine) {
    await loggedIn(machine, -1000);
    for (const id of machine.saas.sessions.keys()) machine.saas.revoke(id);
    return {};
  },
  "CI with a token": ({ tool, saas }) => ({
    CI: "true",
    BROWSER: undefined,
    [variable(tool, "STORAGE")]: undefined,
    [variable(tool, "ACCESS_TOKEN")]: saas.issue().access_token,
  }),
  SSH: () => ({ SSH_CONNECTION: "192.0.2.1 50000 192.0.2.2 22", BROWSER: undefined }),
  "no keychain": ({ tool }) => ({ [variable(tool, "STORAGE")]: undefined }),
  "storage down": ({ folder }) => {
    writeFileSync(join(folder, "not-a-directory"), "");
    return { XDG_CONFIG_HOME: join(folder, "not-a-directory") };
  },
} satisfies Record<string, State>;
type StateName = keyof typeof states;

type Cell = readonly [code: number, output: RegExp, defect?: string];

interface Program {
  readonly name: string;
  readonly document: string;
  /** What the program has that no other in the document has. */
  readonly known: string;
  readonly tool: string;
  readonly args?: readonly string[];
  /** The exit code, and what stderr and stdout are together; what is wrong if that is known not to be so yet. */
  readonly ends: Readonly<Record<StateName, Cell>>;
}

const me = /"email":"alice@example\.com"/;
const token = /^at_\S+\n$/;
const scriptPrints = /^true \{[^]*alice@example\.com/;
// Node.js 22 and later say of what is below a file that it is not there; reading it fails in the same way.
const unreadable = /cannot be (?:examined|read) \(ENOTDIR\)[^]*hint: /;
const noKeychain = /error: [^]*\(no OS keychain is available\)[^]*\nhint: Accept it: /;

const programs: readonly Program[] = [
  {
    name: "createCommand: auth token",
    document: "README.md",
    known: "createCommand(acme)",
    tool: "acme",
    args: ["auth", "token"],
    ends: {
      "logged out": [4, /^error: not logged in [^]*\nhint: Run: acme auth login\n$/],
      "logged in": [0, token],
      expired: [0, token],
      revoked: [4, /^error: Session expired or revoked: [^]*\nhint: Run: acme auth login\n$/],
      "CI with a token": [0, token],
      SSH: [4, /^error: not logged in [^]*\nhint: Run: acme auth login\n$/],
      "no keychain": [4, /^error: not logged in [^]*\nhint: Run: acme auth login\n$/],
      "storage down": [1, unreadable],
    },
  },
  {
    name: "createCommand: auth login",
    document: "README.md",
    known: "createCommand(acme)",
    tool: "acme",
    args: ["auth", "login"],
    ends: {
      "logged out": [0, /✓ Logged in as alice@example\.com/],
      "logged in": [0, /✓ Already logged in as alice@example\.com/],
      expired: [0, /✓ Already logged in as alice@example\.com/],
      // Nobody has asked the service yet.
      revoked: [0, /✓ Already logged in as alice@example\.com/],
      "CI with a token": [2, /^warning: ACME_ACCESS_TOKEN is set, [^]*\nhint: Accept it: /],
      SSH: [0, /this is an SSH session[^]*✓ Logged in as alice@example\.com/],
      "no keychain": [2, noKeychain],
      "storage down": [1, unreadable],
    },
  },
  {
    name: "a tool with a command of its own",
    document: "src/EMBEDDING.md",
    known: "command.fail(error)",
    tool: "acme",
    args: ["projects"],
    ends: {
      "logged out": [4, /^error: not logged in [^]*\nhint: Run: acme auth login\n$/],
      "logged in": [0, me],
      expired: [0, me],
      revoked: [4, /^error: Session expired or revoked: [^]*\nhint: Run: acme auth login\n$/],
      "CI with a token": [0, me],
      SSH: [4, /^error: not logged in [^]*\nhint: Run: acme auth login\n$/],
      "no keychain": [4, /^error: not logged in [^]*\nhint: Run: acme auth login\n$/],
      "storage down": [1, unreadable],
    },
  },
  {
    name: "createAuth",
    document: "README.md",
    known: "createAuth({ ...acme",
    tool: "acme",
    ends: {
      "logged out": [0, me],
      "logged in": [0, me],
      expired: [0, me],
      revoked: [1, /Session expired or revoked[^]*hint: 'Run: acme login'/],
      "CI with a token": [0, me],
      // The test has no terminal, where nobody would see the code.
      SSH: [1, /has to be asked for here, since there is no terminal[^]*hint: 'Pass flow: "device"/],
      "no keychain": [1, /onConsent/],
      "storage down": [1, unreadable],
    },
  },
  {
    name: "getTokenManager",
    document: "README.md",
    known: "createAuthorizedFetch",
    tool: "spec-kitty",
    ends: {
      "logged out": [0, /^not logged in [^]* Run: spec-kitty auth login\n$/],
      "logged in": [0, scriptPrints],
      expired: [0, scriptPrints],
      revoked: [0, /^Session expired or revoked: [^]* Run: spec-kitty auth login\n$/],
      "CI with a token": [0, scriptPrints],
      SSH: [0, /^not logged in [^]* Run: spec-kitty auth login\n$/],
      "no keychain": [0, /^not logged in [^]* Run: spec-kitty auth login\n$/],
      "storage down": [1, unreadable],
    },
  },
  {
    name: "CommonJS",
    document: "src/EMBEDDING.md",
    known: "resolution-mode",
    tool: "acme",
    ends: {
      "logged out": [0, /^not logged in\n$/],
      "logged in": [0, /^alice@example\.com\n$/],
      expired: [0, /^alice@example\.com\n$/],
      revoked: [0, /^alice@example\.com\n$/],
      // Only the service knows whose token it is.
      "CI with a token": [0, /^not logged in\n$/],
      SSH: [0, /^not logged in\n$/],
      "no keychain": [0, /^not logged in\n$/],
      "storage down": [1, unreadable],
    },
  },
];

/** What the compiler makes of a program. That its types are right is for test/readme.test.ts and test/peers/types.test.ts. */
function withoutTypes(text: string, type: "module" | "commonjs"): string {
  const folder = mkdtempSync(join(tmpdir(), "program-"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type }));
  writeFileSync(join(folder, "program.ts"), text);
  const compilerOptions = { module: "node16", target: "es2022", noCheck: true, types: [], outDir: "out" };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["program.ts"] }));
  execFileSync(process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "-p", folder]);
  return readFileSync(join(folder, "out", "program.js"), "utf8");
}

/** A program as the document has it, in JavaScript, and the end of its name. */
function sourceOf({ document, known }: Program): { text: string; end: string } {
  const all = [...textOf(document).matchAll(/^```(js|ts)\n([\s\S]*?)^```$/gm)];
  const [, language, text = ""] = all.find(([, , source = ""]) => source.includes(known)) ?? assert.fail(known);
  if (language === "js") return { text, end: "mjs" };
  return text.includes("resolution-mode")
    ? { text: withoutTypes(text, "commonjs"), end: "cjs" }
    : { text: withoutTypes(text, "module"), end: "mjs" };
}

async function ending(
  t: TestContext,
  program: Program,
  { text, end }: ReturnType<typeof sourceOf>,
  state: State,
): Promise<{ code: number | null; output: string }> {
  const saas = await startFakeSaas({ deviceIntervalSeconds: 1 });
  t.after(() => saas.close());
  const folder = scratchFolder(t);
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(root, join(folder, "node_modules", "spec-kitty"), "junction");
  const { tool } = program;
  const env = {
    PATH: process.env["PATH"],
    HOME: folder,
    TMPDIR: process.env["TMPDIR"],
    XDG_CONFIG_HOME: join(folder, "config"),
    XDG_STATE_HOME: join(folder, "state"),
    XDG_RUNTIME_DIR: join(folder, "run"),
    BROWSER: scriptedBrowser(),
    [variable(tool, "STORAGE")]: "file",
    [variable(tool, "SAAS_URL")]: saas.url,
  };
  const more = await state({ saas, folder, tool, env });
  const file = writeTool(text, folder, `program.${end}`, { url: saas.url });
  const started = startCommand(t, program.args ?? [], { ...env, ...more }, { program: file, cwd: folder });
  // Who logs in with a code reads it from the terminal.
  started.shows(/\b[A-Z]{4}-[A-Z]{4}\b/).then(
    ([userCode]) => approveDevice(`${saas.url}/device`, userCode),
    () => undefined,
  );
  const { code, stdout, stderr } = await until("the program ends", started.ended, 20_000);
  return { code, output: `${stderr}${stdout}` };
}

const matrix = new Map<string, string>();

for (const program of programs) {
  const source = sourceOf(program);
  for (const [name, state] of Object.entries<State>(states)) {
    const [code, output, defect] = program.ends[name as StateName];
    const place = `${program.name}, ${name}`;
    test(`FR-021 ${program.name} ends as its author would want, and says why: ${name}`, {
      skip: process.platform === "win32",
      ...(defect !== undefined && { todo: defect }),
    }, async (t) => {
      matrix.set(place, "✗");
      const found = await ending(t, program, source, state);
      matrix.set(place, defect === undefined ? `✗ ${found.code}` : `✗ ${found.code}, known`);
      assert.match(found.output, output);
      assert.equal(found.code, code, found.output);
      matrix.set(place, String(code));
    });
  }
}

test("the matrix of the programs of README and EMBEDDING in every state, by their exit codes", (t) => {
  const names = Object.keys(states);
  t.diagnostic(`| | ${names.join(" | ")} |`);
  for (const program of programs)
    t.diagnostic(
      `| ${program.name} | ${names.map((name) => matrix.get(`${program.name}, ${name}`) ?? "skipped").join(" | ")} |`,
    );
});
