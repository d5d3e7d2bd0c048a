import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { commandTable, topicTable } from "../../src/cli/command-table.ts";
import { createAuth } from "../../src/app/create-auth.ts";
import { AuthError } from "../../src/base/errors.ts";
import { fakeStreams } from "../../src/app/testing.ts";
import { createCommand } from "../../src/cli/main.ts";
import { bin } from "../helpers/command.ts";
import { runHere } from "../helpers/command-here.ts";
import type { CommandResult } from "../helpers/command.ts";

const acme = { name: "acme", version: "1.2.0", issuer: "https://login.acme.example", clientId: "acme-cli" };

test("FR-021 help, topics and mistakes have the tool's name alone; sync and tracker are there only if asked for", async () => {
  const run = (line: string): Promise<CommandResult> =>
    runHere(line.split(" "), { HOME: "/nonexistent" }, { ...acme, commands: undefined });
  const lines = commandTable.map(({ words }) => words).filter(([group]) => group !== "sync" && group !== "tracker");
  const asked = [
    "--help",
    "--version",
    "auth --help",
    ...lines.map((words) => `${words.join(" ")} --help`),
    ...topicTable.filter(({ name }) => name !== "providers").map(({ name }) => `help ${name}`),
  ];
  for (const line of asked) {
    const { code, stdout, stderr } = await run(line);
    assert.deepEqual([code, stderr], [0, ""], line);
    assert.doesNotMatch(stdout, /spec.?kitty/i, line);
    assert.doesNotMatch(stdout, /^ {2}(sync|tracker) /m, line);
  }
  assert.doesNotMatch(
    (await run("auth login --help")).stdout,
    /\[URL\]|--(issuer|service|provider|client-id)\b/,
    "the author has said where to log in",
  );
  for (const line of [
    "auth login https://elsewhere.example",
    "auth login --issuer https://elsewhere.example",
    "help providers",
    "sync now",
    "tracker status",
    "frobnicate",
    "help sync",
  ]) {
    const { code, stderr } = await run(line);
    assert.equal(code, 2, line);
    assert.match(stderr, /acme/);
    assert.doesNotMatch(stderr, /spec.?kitty/i);
  }
});

test("a misspelled option of a tool is an error of every command, and not a login with another client", async () => {
  const { code, stderr } = await runHere(["auth", "status"], { HOME: "/nonexistent" }, {
    ...acme,
    clientID: "acme-cli",
  } as object);
  assert.deepEqual(
    [code, stderr],
    [1, 'error: "clientID" is not an option\nhint: Run the command again with --debug, and report this bug in acme\n'],
  );
});

test("FR-021 a tool's own help and completion can have these commands, their options and what each does", async () => {
  const { commands } = createCommand({ name: "acme", version: "1.2.0", issuer: "https://login.acme.example" });
  const lines = commands.map(({ words, summary }) => `${words.join(" ")}: ${summary}`);
  assert.ok(
    lines.includes("auth login: log in through the browser") &&
      lines.includes("api: send an authenticated request to the service"),
    lines.join("\n"),
  );
  assert.ok(!lines.some((line) => line.startsWith("sync ")), "only the groups that the tool has");
  const login = await commands.find(({ words }) => words.join(" ") === "auth login")?.options();
  assert.deepEqual(
    login?.find(({ name }) => name === "--timeout"),
    { name: "--timeout", value: "SECONDS", summary: "limit (default: 300; for a code, its lifetime, at most 900)" },
  );
  assert.equal(
    login?.find(({ name }) => name === "--issuer"),
    undefined,
    "the tool has named the issuer",
  );
});

test("FR-021 a tool's own commands are in its help, its completion and its suggestions, and are not run here", async () => {
  const command = createCommand({
    ...acme,
    env: { HOME: "/nonexistent" },
    ownCommands: [
      { words: ["projects"], summary: "list the projects" },
      { words: ["team", "add"], summary: "add a member" },
    ],
  });
  const run = async (line: string): Promise<[code: number, stdout: string, stderr: string]> => {
    const streams = fakeStreams();
    return [await command.run(line.split(" "), streams), streams.stdout.text, streams.stderr.text];
  };
  assert.match((await run("--help"))[1], /^ {2}projects +list the projects\n {2}team\n {2}auth /m);
  assert.equal(
    (await run("help projects"))[1].split("\n\n").slice(0, 2).join("\n"),
    "Usage: acme projects [options]\nlist the projects",
  );
  for (const shell of ["bash", "zsh", "fish"])
    assert.match((await run(`completion ${shell}`))[1], /\bprojects\b[^]*\bteam\b/);
  assert.match((await run("project"))[2], /\nhint: Did you mean acme projects\?/);
  assert.deepEqual(
    [command.has(["projects"]), command.commands.some(({ words }) => words[0] === "projects")],
    [false, false],
  );
  const [code, , stderr] = await run("projects");
  assert.equal(code, 1);
  assert.match(stderr, /^error: "projects" is a command of the tool, and only the tool itself runs it\n/);
  for (const words of [[], ["$(id)"], ["a b"]])
    assert.throws(() => createCommand({ ...acme, ownCommands: [{ words, summary: "" }] }), TypeError);
});

test("the commands of createAuth's hints are no groups of createCommand: a TypeError that says so", () => {
  const commands = { login: "acme login" } as unknown as readonly [];
  assert.throws(
    () => createCommand({ ...acme, commands }),
    /^TypeError: commands of createCommand must be a list of groups$/,
  );
});

test("a tool's own commands go next to these: has() tells whose a command line is", () => {
  const lines = [
    ["auth", "login"],
    ["auth"],
    ["api"],
    ["completion", "bash"],
    ["help", "auth"],
    ["help", "storage"],
    ["sync", "now"],
    ["help"],
    ["--help"],
    ["--version"],
    [],
    ["projects"],
  ];
  const ours = (command: ReturnType<typeof createCommand>): string[] =>
    lines.filter((argv) => command.has(argv)).map((argv) => argv.join(" "));
  assert.deepEqual(ours(createCommand(acme)), [
    "auth login",
    "auth",
    "api",
    "completion bash",
    "help auth",
    "help storage",
  ]);
  assert.deepEqual(ours(createCommand({ ...acme, commands: ["auth", "sync"] })), [
    "auth login",
    "auth",
    "help auth",
    "help storage",
    "sync now",
  ]);
  assert.doesNotMatch(readFileSync(bin, "utf8"), /dist\/(?!cli\/main)/, "this package's own command has no other door");
});

test("FR-026 a run with streams and variables of its own touches none of the process's, and two at once do not meet", async () => {
  const command = createCommand({ ...acme, env: { ACME_ACCESS_TOKEN: "unused" } });
  const run = async (token: string, ...argv: string[]): Promise<unknown> => {
    const [stdout, stderr]: [string[], string[]] = [[], []];
    const into = (pieces: string[]) => ({
      write: (piece: string | Uint8Array, done?: () => void) => (pieces.push(String(piece)), done?.()),
    });
    const env = { HOME: "/nonexistent", ACME_ACCESS_TOKEN: token };
    const code = await command.run(argv, {
      stdout: into(stdout),
      stderr: into(stderr),
      stdin: (async function* () {
        yield "registry.example\n";
      })(),
      env,
    });
    return [code, stdout.join(""), stderr.join("")];
  };
  assert.deepEqual(
    await Promise.all([
      run("one", "auth", "token"),
      run("two", "auth", "token"),
      run("three", "auth", "docker-credential", "get"),
      run("", "auth", "token"),
    ]),
    [
      [0, "one\n", ""],
      [0, "two\n", ""],
      [1, "credentials not found in native keychain\n", ""],
      [4, "", 'error: not logged in (profile "default")\nhint: Run: acme auth login\n'],
    ],
  );
});

test("a run whose streams take nothing ends with 1, and never rejects", async () => {
  const full = {
    write(): never {
      throw new Error("no space left");
    },
  };
  const command = createCommand({ ...acme, env: { HOME: "/nonexistent" } });
  for (const line of ["--version", "auth token", "frobnicate"])
    assert.equal(await command.run(line.split(" "), { stdout: full, stderr: full }), 1, line);
});

test("a program may run any number of commands at once, without a warning about listeners or a listener left behind", async () => {
  const command = createCommand({ ...acme, env: { HOME: "/nonexistent" } });
  const warnings: string[] = [];
  const onWarning = ({ message }: Error): void => void warnings.push(message);
  const counts = (): number[] =>
    ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGBREAK", "beforeExit"].map((name) => process.listenerCount(name));
  const before = counts();
  process.on("warning", onWarning);
  const quiet = { write: (_: string | Uint8Array, done?: () => void) => done?.() };
  const runs = Array.from({ length: 30 }, () => command.run(["auth", "status"], { stdout: quiet, stderr: quiet }));
  assert.deepEqual(new Set(await Promise.all(runs)), new Set([4]));
  // Node emits a warning with the next tick.
  await new Promise((resolve) => setImmediate(resolve));
  process.off("warning", onWarning);
  assert.deepEqual(warnings, []);
  assert.deepEqual(counts(), before);
});

test("FR-021 an error of the tool's own command is printed as these print theirs, with the same exit code", async () => {
  const command = createCommand(acme);
  const failed = async (error: unknown): Promise<[code: number, stderr: string]> => {
    const said: string[] = [];
    const stream = { write: (text: string | Uint8Array) => void said.push(String(text)) };
    return [await command.fail(error, { stdout: stream, stderr: stream, env: {} }), said.join("")];
  };
  const denied = new AuthError("access_denied", "the user said no", { hint: "Ask again" });
  assert.deepEqual(await failed(denied), [5, "error: the user said no\nhint: Ask again\n"]);
  const auth = createAuth({ ...acme, storage: "memory", profile: "work", env: {} });
  const nobody = await auth.getToken().catch((error: unknown) => error);
  const [code, stderr] = await failed(nobody);
  assert.equal(code, 4);
  assert.match(stderr, /^hint: .*acme auth login --profile work$/m);
  const [ofBug, said] = await failed(new RangeError("out of range"));
  assert.equal(ofBug, 1);
  assert.match(said, /^error: out of range\nhint: /);
  assert.deepEqual(await failed(new Error("HTTP 404")), [1, "error: HTTP 404\n"], "its author says why, and no more");
});

test("the options in front of a command are taken off for the tool's own", () => {
  const { options } = createCommand(acme);
  const none = { profile: undefined, json: false, verbose: false, debug: false };
  assert.deepEqual(options(["projects", "--json"]), { ...none, argv: ["projects", "--json"] });
  assert.deepEqual(options(["--profile", "work", "--json", "projects", "-x"]), {
    ...none,
    profile: "work",
    json: true,
    argv: ["projects", "-x"],
  });
  assert.deepEqual(options(["--debug", "--profile=work", "projects"]), {
    ...none,
    profile: "work",
    debug: true,
    argv: ["projects"],
  });
  assert.throws(() => options(["--profile"]), { code: "usage_invalid" });
});
