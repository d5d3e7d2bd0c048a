// The programs of README, EMBEDDING and their pages, in every state of their users.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { createIdentity } from "../../src/base/identity.ts";
import { startFakeSaas, type FakeSaas } from "../fake-saas/server.ts";
import { approveDevice } from "../fake-saas/user.ts";
import { bareEnvironment, scratchFolder, startCommand, withoutWaits, type CommandEnvironment } from "./command.ts";
import { filesIn, root, textOf } from "./import-graph.ts";
import { sessionOf, storeSession } from "./stored-session.ts";
import { writeTool } from "./tool.ts";
import { until } from "./until.ts";

export interface Machine {
  readonly saas: FakeSaas;
  readonly folder: string;
  readonly tool: string;
  readonly env: CommandEnvironment;
}

/** Where a program's sessions are. */
export interface Storage {
  /** For the program. */
  readonly env: CommandEnvironment;
  /** For {@link storeSession}. */
  readonly options: Parameters<typeof storeSession>[3];
  /** Makes it unusable, or lets the program look in an unusable place. */
  fail(machine: Machine): CommandEnvironment | Promise<CommandEnvironment>;
  /** Makes it usable after the program's error. */
  recover?(): Promise<void>;
}

/** Prepares the machine; returns differing variables. */
type State = (machine: Machine, storage: Storage) => CommandEnvironment | Promise<CommandEnvironment>;

const localStorage: Storage = {
  env: {},
  options: {},
  fail({ folder }) {
    writeFileSync(join(folder, "not-a-directory"), "");
    return { XDG_CONFIG_HOME: join(folder, "not-a-directory") };
  },
};

export async function loggedIn(
  { saas, env, tool }: Machine,
  { options }: Storage,
  leftMs: number,
): Promise<CommandEnvironment> {
  const toolIdentity = createIdentity({ name: tool, version: "1.2.0" });
  const session = { ...sessionOf(saas, { leftMs }), teams: [{ id: "tm_acme", name: "Acme Corp" }] };
  await storeSession(saas, env, session, { toolIdentity, ...options });
  return {};
}

const variable = (tool: string, name: string): string =>
  createIdentity({ name: tool, version: "1.2.0" }).variable(name);

const states = {
  "logged out": () => ({}),
  "logged in": (machine, storage) => loggedIn(machine, storage, 3_600_000),
  expired: (machine, storage) => loggedIn(machine, storage, -1000),
  async revoked(machine, storage) {
    await loggedIn(machine, storage, -1000);
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
  "storage down": (machine, storage) => storage.fail(machine),
} satisfies Record<string, State>;
type StateName = keyof typeof states;

type Cell = readonly [code: number, output: RegExp];

interface Program {
  readonly name: string;
  readonly document: string;
  /** Text in no other program of the document. */
  readonly known: string;
  readonly tool: string;
  readonly args?: readonly string[];
  /** A package of test/peers. */
  readonly needs?: "commander" | "yargs" | "redis";
  /** By state: exit code, and stderr with stdout. */
  readonly ends: Readonly<Record<StateName, Cell>>;
}

const me = /"email":"alice@example\.com"/;
const token = /^at_\S+\n$/;
const scriptPrints = /^true \{[^]*alice@example\.com/;
// Node.js 22 and later report a path below a file as missing; reading it fails alike.
const unreadable = /cannot (?:examine|read) "[^"]+" \(ENOTDIR\)[^]*hint: /;
const noKeychain = /error: [^]*: no OS keychain is available\nhint: Accept it: /;

const workersLoggedOut =
  /\nNotAuthenticatedError: not logged in \(profile "worker"\)[^]*\n {2}hint: 'Run: acme auth login --profile worker'/;
const eventWaits = /^not logged in, and 1 entry is still queued Run: spec-kitty auth login\nsent 0, 1 left\n$/;

/** Of a program that prints this once there is a token, and shows an error as the commands do. */
function commandEnds(printed: RegExp): Program["ends"] {
  const loggedOut = /^error: not logged in [^]*\nhint: Run: acme auth login\n$/;
  return {
    "logged out": [4, loggedOut],
    "logged in": [0, printed],
    expired: [0, printed],
    revoked: [4, /^error: Session expired or revoked: [^]*\nhint: Run: acme auth login\n$/],
    "CI with a token": [0, printed],
    SSH: [4, loggedOut],
    "no keychain": [4, loggedOut],
    "storage down": [1, unreadable],
  };
}

const ownCommand = commandEnds(me);

export const programs: readonly Program[] = [
  {
    name: "createCommand: auth token",
    document: "README.md",
    known: "createCommand(acme)",
    tool: "acme",
    args: ["auth", "token"],
    ends: commandEnds(token),
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
      revoked: [0, /^Session expired or revoked: [^]*✓ Logged in as alice@example\.com/],
      "CI with a token": [2, /^warning: ACME_ACCESS_TOKEN is set, [^]*\nhint: Accept it: /],
      SSH: [0, /this is an SSH session[^]*✓ Logged in as alice@example\.com/],
      "no keychain": [2, noKeychain],
      "storage down": [1, unreadable],
    },
  },
  {
    name: "a tool with a command of its own",
    document: "src/EMBEDDING.md",
    known: 'argv[0] === "projects"',
    tool: "acme",
    args: ["projects"],
    ends: ownCommand,
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
      // Without a terminal nobody would see the code.
      SSH: [1, /needs an explicit request here: there is no terminal[^]*flow: "device"/],
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
      // Only the service knows the token's owner.
      "CI with a token": [0, /^not logged in\n$/],
      SSH: [0, /^not logged in\n$/],
      "no keychain": [0, /^not logged in\n$/],
      "storage down": [1, unreadable],
    },
  },
  {
    name: "commander",
    document: "test/examples/commander.js",
    known: 'from "commander"',
    tool: "acme",
    args: ["projects"],
    needs: "commander",
    ends: ownCommand,
  },
  {
    name: "yargs",
    document: "test/examples/yargs.js",
    known: 'from "yargs"',
    tool: "acme",
    args: ["projects"],
    needs: "yargs",
    ends: ownCommand,
  },
  {
    name: "workers with Redis",
    document: "src/EMBEDDING.md",
    known: "redisStore(client)",
    tool: "acme",
    needs: "redis",
    ends: {
      "logged out": [1, workersLoggedOut],
      "logged in": [0, /^200\n200\n200\n$/],
      expired: [0, /^200\n200\n200\n$/],
      revoked: [
        1,
        /\nNotAuthenticatedError: Session expired or revoked: [^]*\n {2}hint: 'Run: acme auth login --profile worker'/,
      ],
      "CI with a token": [0, /^200\n200\n200\n$/],
      SSH: [1, workersLoggedOut],
      "no keychain": [1, workersLoggedOut],
      "storage down": [0, /^[^]*ECONNREFUSED[^]*\nRedis does not respond [^]*\n200\n200\n200\n$/],
    },
  },
  {
    name: "createSyncRuntime",
    document: "src/docs/service.md",
    known: "createSyncRuntime",
    tool: "spec-kitty",
    ends: {
      "logged out": [0, eventWaits],
      "logged in": [0, /^sent 1, 0 left\n$/],
      expired: [0, /^sent 1, 0 left\n$/],
      revoked: [
        0,
        /: the issuer ended the session of alice@example\.com[^]* Run: spec-kitty auth login\nsent 0, 1 left\n$/,
      ],
      "CI with a token": [0, /^sent 1, 0 left\n$/],
      SSH: [0, eventWaits],
      "no keychain": [0, eventWaits],
      "storage down": [1, /not queued: .*cannot (?:examine|read) .* \(ENOTDIR\).*"hint":"/],
    },
  },
];

/** Types are checked by test/readme.test.ts and test/peers/types.peer.ts. */
function withoutTypes(text: string, type: "module" | "commonjs"): string {
  const folder = mkdtempSync(join(tmpdir(), "program-"));
  try {
    writeFileSync(join(folder, "package.json"), JSON.stringify({ type }));
    writeFileSync(join(folder, "program.ts"), text);
    const compilerOptions = { module: "node16", target: "es2022", noCheck: true, types: [], outDir: "out" };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["program.ts"] }));
    execFileSync(process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "-p", folder]);
    return readFileSync(join(folder, "out", "program.js"), "utf8");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** As JavaScript, with its file extension. */
function sourceOf({ document, known }: Program): { text: string; end: string } {
  if (document.endsWith(".js")) return { text: textOf(document), end: "mjs" };
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
  storage: Storage,
): Promise<{ code: number | null; output: string }> {
  const saas = await startFakeSaas({ deviceIntervalSeconds: 1 });
  t.after(() => saas.close());
  const folder = scratchFolder(t);
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(root, join(folder, "node_modules", "spec-kitty"), "junction");
  const { tool, needs } = program;
  if (needs !== undefined)
    symlinkSync(join(root, "test", "peers", "node_modules", needs), join(folder, "node_modules", needs), "junction");
  const env = {
    ...bareEnvironment(folder),
    XDG_CONFIG_HOME: join(folder, "config"),
    [variable(tool, "STORAGE")]: "file",
    [variable(tool, "SAAS_URL")]: saas.url,
    ...storage.env,
  };
  const more = await state({ saas, folder, tool, env }, storage);
  const file = writeTool(text, folder, `program.${end}`, { url: saas.url });
  const started = startCommand(t, program.args ?? [], { ...env, ...more }, { program: file, cwd: folder });
  // A user reads the code from the terminal.
  started.shows(/\b[A-Z]{4}-[A-Z]{4}\b/).then(
    ([userCode]) => approveDevice(`${saas.url}/device`, userCode),
    () => undefined,
  );
  started.shows(/ does not respond/).then(storage.recover, () => undefined);
  const { code, stdout, stderr } = await until("the program ends", started.ended, 30_000);
  return { code, output: `${withoutWaits(stderr)}${stdout}` };
}

/**
 * One test for each program and state, with a matrix of exit codes.
 *
 * @param storageOf - a program's storage, if not files
 */
export function testInEveryState(
  those: readonly Program[],
  storageOf: (program: Program, t: TestContext) => Promise<Storage> | undefined = () => undefined,
): void {
  const names = Object.keys(states);
  const matrix = new Map<string, string>();
  for (const program of those) {
    const source = sourceOf(program);
    for (const [name, state] of Object.entries<State>(states)) {
      const [code, output] = program.ends[name as StateName];
      const place = `${program.name}, ${name}`;
      const title = `FR-021 ${program.name} ends as its author would want, and says why: ${name}`;
      test(title, { skip: process.platform === "win32" }, async (t) => {
        matrix.set(place, "✗");
        const found = await ending(t, program, source, state, (await storageOf(program, t)) ?? localStorage);
        matrix.set(place, `✗ ${found.code}`);
        assert.match(found.output, output);
        assert.equal(found.code, code, found.output);
        matrix.set(place, String(code));
      });
    }
  }
  test("the matrix of these programs in every state, by their exit codes", (t) => {
    t.diagnostic(`| | ${names.join(" | ")} |`);
    for (const { name } of those) {
      const cells = names.map((state) => matrix.get(`${name}, ${state}`) ?? "skipped");
      t.diagnostic(`| ${name} | ${cells.join(" | ")} |`);
    }
  });
}

/**
 * All JavaScript and TypeScript of the documents, except tests with their imports, and the examples of
 * test/helpers/api-examples.ts; and the examples with a parser of others.
 */
export function documentedPrograms(): { document: string; text: string }[] {
  const pages = filesIn("src/docs", /\.md$/).filter((path) => !path.startsWith("src/docs/api/"));
  const fenced = ["README.md", "src/EMBEDDING.md", ...pages].flatMap((document) =>
    [...textOf(document).matchAll(/^```(?:js|mjs|cjs|ts|javascript|typescript)\n([\s\S]*?)^```$/gm)]
      .map(([, text = ""]) => ({ document, text }))
      .filter(({ text }) => !/"node:test"|^export /m.test(text)),
  );
  const examples = ["test/examples/commander.js", "test/examples/yargs.js"];
  return [...fenced, ...examples.map((document) => ({ document, text: textOf(document) }))];
}
