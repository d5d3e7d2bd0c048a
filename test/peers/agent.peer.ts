// A lent login behind a real sshd, in namespaces like containers, and bound to a key. Needs a build, and the Debian
// packages openssh-server, util-linux and curl.
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { borrower, lend } from "../helpers/agent.ts";
import { bin, runCommand, type CommandEnvironment, type CommandResult } from "../helpers/command.ts";
import { filesUnder, freePort, scene, type Scene } from "../helpers/scene.ts";
import { sessionOf, signIn, storeSession } from "../helpers/stored-session.ts";
import { program, stage } from "./stage.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** Commands of the documentation, by a word in them. */
const recipes = [
  ...readFileSync(join(root, "src", "docs", "agent.md"), "utf8").matchAll(/^```sh\n([\s\S]*?)^```$/gm),
].map(([, text = ""]) => text);
const recipe = (word: string): string => recipes.find((text) => text.includes(word)) ?? assert.fail(`no ${word}`);

/** A machine with a login, and the command on PATH. */
interface Host extends Scene {
  readonly programs: string;
  shell(line: string, more?: CommandEnvironment): Promise<CommandResult>;
}

async function host(t: TestContext): Promise<Host> {
  const at = await scene(t);
  const programs = join(at.folder, "bin");
  mkdirSync(programs);
  install(programs, "spec-kitty", `exec '${process.execPath}' '${bin}' "$@"`);
  const env = { ...at.env, PATH: `${programs}:${process.env["PATH"]}` };
  return { ...at, programs, shell: (line, more = {}) => run(t, ["/bin/sh", "-euc", line], { ...env, ...more }) };
}

function install(folder: string, name: string, line: string): void {
  writeFileSync(join(folder, name), `#!/bin/sh\n${line}\n`);
  chmodSync(join(folder, name), 0o755);
}

async function run(
  t: TestContext,
  [file = "", ...args]: readonly string[],
  env: CommandEnvironment,
): Promise<CommandResult> {
  const child = spawn(file, args, { env: env as NodeJS.ProcessEnv, stdio: ["ignore", "pipe", "pipe"], cwd: "/" });
  t.after(() => void child.kill("SIGKILL"));
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  return { code, signal, stdout, stderr };
}

/** On loopback, with this user's key, and `ssh host` to it. */
async function withSsh(t: TestContext, at: Host): Promise<{ remote: string }> {
  const folder = join(at.folder, "ssh");
  const remote = join(at.folder, "remote");
  for (const path of [folder, remote]) mkdirSync(path, { mode: 0o700 });
  for (const key of ["host", "user"])
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, key)]);
  if (process.geteuid?.() === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  const port = await freePort();
  const lines = [
    `Port ${port}`,
    "ListenAddress 127.0.0.1",
    `HostKey ${join(folder, "host")}`,
    `AuthorizedKeysFile ${join(folder, "user.pub")}`,
    "PidFile none",
    "StrictModes no",
    "UsePAM no",
    "AcceptEnv SPEC_KITTY_AGENT",
    // A separate machine, as far as the command can see.
    `SetEnv PATH=${at.programs}:${process.env["PATH"]} HOME=${remote} XDG_CONFIG_HOME=${remote}/config XDG_STATE_HOME=${remote}/state`,
  ];
  writeFileSync(join(folder, "sshd_config"), `${lines.join("\n")}\n`);
  const server = spawn("/usr/sbin/sshd", ["-D", "-e", "-f", join(folder, "sshd_config")], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  t.after(() => void server.kill());
  let said = "";
  server.stderr.setEncoding("utf8");
  for await (const text of server.stderr as AsyncIterable<string>) if (/listening/.test((said += text))) break;
  assert.match(said, /listening/);
  server.stderr.resume();
  const options = [
    `User ${userInfo().username}`,
    `Port ${port}`,
    "HostName 127.0.0.1",
    `IdentityFile ${join(folder, "user")}`,
    "IdentitiesOnly yes",
    "StrictHostKeyChecking no",
    `UserKnownHostsFile ${join(folder, "known")}`,
    "ExitOnForwardFailure yes",
    "LogLevel ERROR",
  ];
  writeFileSync(join(folder, "config"), `Host host\n${options.map((line) => `  ${line}\n`).join("")}`);
  install(at.programs, "ssh", `exec /usr/bin/ssh -F '${join(folder, "config")}' "$@"`);
  return { remote };
}

/** In a namespace, as another user or its own root. A container's part of the host is mounted. */
function inContainer(line: string, as: "root of its own" | "nobody", mounted: readonly string[]): string {
  const user = as === "nobody" ? "setpriv --reuid=65534 --regid=65534 --clear-groups " : "";
  const mounts = mounted.map((path, index) => `mkdir /mnt/${index} && mount --bind '${path}' /mnt/${index}`);
  const inside = [
    `mount -t tmpfs -o mode=755 none /mnt`,
    ...mounts,
    `exec ${user}sh -c '${line.replaceAll("'", `'\\''`)}'`,
  ];
  const namespaces =
    as === "nobody" ? "--mount --pid --fork" : "--user --map-root-user --mount --pid --fork --mount-proc";
  return `unshare ${namespaces} sh -euc '${inside.join(" && ").replaceAll("'", `'\\''`)}'`;
}
const noContainer =
  spawnSync("unshare", ["--user", "--map-root-user", "--mount", "true"]).status === 0 ? false : "no namespaces here";
const noOther = process.geteuid?.() === 0 ? noContainer : "only root can be another user";

test("FR-023 the documented line lends the login to a command on the other side of a real sshd", async (t) => {
  const at = await host(t);
  await signIn(at.saas, at.env);
  const { remote } = await withSsh(t, at);
  const line = recipe("SendEnv").replaceAll("/run/user/1000/spec-kitty.sock", join(remote, "s"));
  const { code, stdout, stderr } = await at.shell(line);
  assert.deepEqual([code, stdout], [0, "alice@example.com\n"], stderr);
  assert.deepEqual([...filesUnder(remote).keys()], []);
});

test("FR-023 the documented line for curl gets a token", async (t) => {
  const at = await host(t);
  await signIn(at.saas, at.env);
  const { value } = await lend(t, at);
  const { code, stdout, stderr } = await at.shell(recipe("--unix-socket"), { SPEC_KITTY_AGENT: value });
  assert.equal(code, 0, stderr);
  const { access_token, token_type } = JSON.parse(stdout) as { access_token: string; token_type: string };
  assert.deepEqual([`${access_token}\n`, token_type], [(await at.here("auth token")).stdout, "Bearer"]);
});

test("FR-023 a container uses the login through the mounted directory: as its own root, and with --shared as another user", {
  skip: noOther,
}, async (t) => {
  const at = await host(t);
  await signIn(at.saas, at.env);
  // As `docker run -v … -e …` does: the directory at the same path, the variable, and nothing else.
  const ask = (as: "root of its own" | "nobody", value: string): Promise<CommandResult> => {
    const [, folder = "", secret = ""] = /^(.*)\/agent\.sock#(.*)$/.exec(value) ?? [];
    const line = `cd / && export HOME=/nowhere SPEC_KITTY_AGENT=/mnt/0/agent.sock#${secret} && /mnt/1/node /mnt/2/bin/spec-kitty.js auth whoami`;
    return at.shell(inContainer(line, as, [folder, dirname(process.execPath), root]));
  };
  const [alone, shared] = [await lend(t, at), await lend(t, at, "--shared")];
  const mapped = await ask("root of its own", alone.value);
  assert.deepEqual([mapped.code, mapped.stdout], [0, "alice@example.com\n"], mapped.stderr);
  const other = await ask("nobody", shared.value);
  assert.deepEqual([other.code, other.stdout], [0, "alice@example.com\n"], other.stderr);
  const refused = await ask("nobody", alone.value);
  assert.equal(refused.code, 3);
  assert.match(refused.stderr, /does not respond \(EACCES\)/);
});

test("FR-023 64 processes in an SSH session and in a container make one refresh where the login is, and store nothing", {
  skip: noContainer,
}, async (t) => {
  const at = await host(t);
  await storeSession(at.saas, at.env, sessionOf(at.saas, { leftMs: -1000 }));
  const { remote } = await withSsh(t, at);
  const { value, socket = "" } = await lend(t, at);
  const secret = value.split("#")[1] ?? "";
  const wave = (command: string): string => `for i in $(seq 32); do ${command} auth token & done; wait`;
  const path = join(remote, "s");
  const session = at.shell(
    `SPEC_KITTY_AGENT="${path}#${secret}" ssh -o SendEnv=SPEC_KITTY_AGENT -R "${path}:${socket}" host '${wave("spec-kitty")}'`,
  );
  const home = `export HOME=/nowhere SPEC_KITTY_AGENT=/mnt/0/agent.sock#${secret}`;
  const container = at.shell(
    inContainer(`${home}; ${wave(`${process.execPath} /mnt/1/bin/spec-kitty.js`)}`, "root of its own", [
      dirname(socket),
      root,
    ]),
  );
  const [there, inside] = await Promise.all([session, container]);
  const tokens = [there, inside].flatMap(({ stdout, stderr, code }) => {
    assert.deepEqual([code, stderr], [0, ""]);
    return stdout.trim().split("\n");
  });
  assert.deepEqual([tokens.length, new Set(tokens).size], [64, 1]);
  assert.deepEqual([at.saas.counters.refreshes, at.saas.counters.reuses], [1, 0]);
  assert.deepEqual([...filesUnder(remote).keys()], []);
  assert.ok(!existsSync("/nowhere"));
});

test("FR-023 a token that is bound to a key is used with proofs that the agent makes, and the key stays with it", async (t) => {
  const provider = await stage(t, [process.execPath, program("oidc-provider.js"), "--nonces"]);
  await provider.does("auth", "login", provider.address);
  const session = await provider.session();
  assert.equal(session.tokenType, "DPoP");
  const { value } = await lend(t, { env: provider.env });
  const { env, folder } = borrower(t, value);
  const { code, stdout, stderr } = await runCommand(t, ["api", "/me"], env);
  assert.equal(code, 0, stderr);
  assert.equal((JSON.parse(stdout) as { sub: string }).sub, session.user.id);
  assert.match((await runCommand(t, ["auth", "token"], env)).stderr, /no other program can use this token/);
  const key = (JSON.parse(session.dpopKey?.reveal() ?? "{}") as { d: string }).d;
  for (const [name, content] of filesUnder(folder)) assert.ok(!content.includes(key), name);
});
