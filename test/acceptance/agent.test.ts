import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { startAgent } from "../../src/app/agent.ts";
import { createApp } from "../../src/app/create-app.ts";
import { createIdentity } from "../../src/base/identity.ts";
import { createAuth } from "../../src/index.ts";
import type { JsonOutput } from "../../src/cli/json-output.ts";
import { askAgent as ask, borrower, lend, type RunningAgent } from "../helpers/agent.ts";
import { runCommand, type CommandEnvironment, type CommandResult } from "../helpers/command.ts";
import { runHere, withInput } from "../helpers/command-here.ts";
import { noTerminal, startOnTerminal } from "../helpers/pseudo-terminal.ts";
import { echo, filesUnder, scene, type Echo, type Scene } from "../helpers/scene.ts";
import { sessionOf, signIn, storeSession } from "../helpers/stored-session.ts";

/** With alice logged in. */
async function host(t: TestContext): Promise<Scene> {
  const at = await scene(t);
  await signIn(at.saas, at.env);
  return at;
}

test("FR-023 every command uses the lent login where not logged in, and nothing is stored there", async (t) => {
  const at = await host(t);
  const { value, running } = await lend(t, at, "--for", "8h");
  const { folder, env } = borrower(t, value);
  const here = (line: string, more: CommandEnvironment = {}): Promise<CommandResult> =>
    runHere(line.split(" "), { ...env, ...more });
  const token = (await at.here("auth token")).stdout;

  assert.equal((await runCommand(t, ["auth", "token"], env)).stdout, token);
  assert.equal((await here("auth whoami")).stdout, "alice@example.com\n");
  const { body } = JSON.parse((await here(`api POST ${echo} -f hello=world`)).stdout) as Echo;
  assert.deepEqual(JSON.parse(body), { hello: "world" });

  const status = await here("auth status");
  assert.match(status.stdout, /^✓ Logged in as alice@example\.com, Alice\n/);
  assert.match(
    status.stdout,
    /^ *Login +the agent on \S+ lends it, for (?:7 h 59|8 h 0) min; nothing is stored here$/m,
  );
  const found = JSON.parse((await here("auth status --json --check")).stdout) as JsonOutput["auth status"];
  assert.deepEqual([found.authenticated, found.checked, found.profile], [true, true, "default"]);
  assert.deepEqual([found.tokenSource, found.service], ["SPEC_KITTY_AGENT", at.saas.url]);
  assert.ok(Date.parse(found.lender?.until ?? "") > Date.now());

  const asked = `protocol=http\nhost=${new URL(at.saas.url).host}\n\n`;
  const git = await withInput(asked, () => here("auth git-credential get"));
  assert.match(git.stdout, new RegExp(`^password=${token.trim()}$`, "m"));
  const kubectl = JSON.parse((await here("auth exec-credential")).stdout) as { status: { token: string } };
  assert.equal(kubectl.status.token, token.trim());

  const event = `sync emit WPCreated --aggregate WP01 --payload {"wp_id":"WP01","title":"One","mission_slug":"login"}`;
  assert.equal((await here(event)).code, 0);
  assert.equal((await here("sync now")).code, 0);
  assert.equal(at.saas.events.size, 1);
  assert.equal((await here("tracker status --provider linear --project kitty")).code, 0);

  assert.equal(at.saas.counters.refreshes, 0);
  const kept = [...filesUnder(folder).entries()];
  for (const [name, content] of kept) assert.ok(!content.includes(token.trim()), name);
  assert.deepEqual(
    kept.map(([name]) => name).filter((name) => !name.startsWith(join("config", "queue"))),
    [],
  );
  running.child.kill("SIGINT");
  assert.equal((await running.ended).code, 130);
});

test("FR-023 eight processes on the other side of the socket, whose token has expired, make one refresh here", async (t) => {
  const at = await scene(t);
  await storeSession(at.saas, at.env, sessionOf(at.saas, { leftMs: -1000 }));
  const { value } = await lend(t, at);
  const { env } = borrower(t, value);
  const runs = await Promise.all(Array.from({ length: 8 }, () => runCommand(t, ["auth", "token"], env)));
  assert.deepEqual(
    runs.map(({ code, stderr }) => [code, stderr]),
    runs.map(() => [0, ""]),
  );
  assert.equal(new Set(runs.map(({ stdout }) => stdout)).size, 1);
  assert.deepEqual([at.saas.counters.refreshes, at.saas.counters.reuses], [1, 0]);
});

test("FR-011 a token that the service refuses from a borrower leads to the agent's one refresh, and to one replay", async (t) => {
  const at = await host(t);
  const { value } = await lend(t, at);
  const { env } = borrower(t, value);
  at.saas.expireAccessTokens();
  const runs = await Promise.all(Array.from({ length: 4 }, () => runHere(["api", "/api/v1/me"], env)));
  for (const { code, stderr } of runs) assert.equal(code, 0, stderr);
  assert.equal(at.saas.counters.refreshes, 1);
});

test("FR-012 a session that the service has ended ends on the lender's machine, and the borrower's error says where to look", async (t) => {
  const at = await host(t);
  const { value } = await lend(t, at);
  const { env } = borrower(t, value);
  for (const id of at.saas.sessions.keys()) at.saas.revoke(id);
  const { code, stderr } = await runHere(["api", "/api/v1/me"], env);
  assert.equal(code, 4);
  assert.match(stderr, /^error: the agent named by SPEC_KITTY_AGENT returned no token: .*(expired|revoked|ended)/);
  assert.match(stderr, /\nhint: Run on the machine with the login: spec-kitty auth status\n/);
  assert.equal((await at.here("auth whoami")).code, 4);
});

test("an agent that was killed gives a clear error, and a login that is used goes on until its token expires", async (t) => {
  const at = await host(t);
  const { value, running } = await lend(t, at);
  const { env } = borrower(t, value);
  const auth = createAuth({
    name: "spec-kitty",
    version: "1.0.0",
    issuer: at.saas.url,
    env: { ...env, SPEC_KITTY_STORAGE: undefined },
  });
  const { token } = await auth.getToken();
  running.child.kill("SIGKILL");
  await running.ended;
  const { code, stdout, stderr } = await runHere(["auth", "token"], env);
  assert.deepEqual([code, stdout], [3, ""]);
  assert.match(
    stderr,
    /^error: the agent named by SPEC_KITTY_AGENT does not respond \((ENOENT|ECONNREFUSED)\)\nhint: .*spec-kitty auth agent/,
  );
  assert.equal((await auth.getToken()).token, token);
  assert.equal((await auth.fetch("/api/v1/me")).status, 200);
  assert.equal((await at.here("auth token")).code, 0, "nothing is lost on the lender's machine");
});

test("S-009 the socket is this user's alone, its directory too, and both need the secret", {
  skip: process.platform === "win32",
}, async (t) => {
  const at = await host(t);
  const private_ = await lend(t, at);
  const shared = await lend(t, at, "--shared");
  const modes = ({ socket = "" }: RunningAgent): number[] =>
    [dirname(socket), socket].map((path) => statSync(path).mode & 0o777);
  assert.deepEqual(modes(private_), [0o700, 0o600]);
  assert.deepEqual(modes(shared), [0o711, 0o666]);
  assert.equal(Buffer.from(shared.secret, "base64url").length, 32);
  for (const secret of [undefined, "", "x".repeat(43), shared.secret]) {
    for (const [method, path] of [
      ["GET", "/v1"],
      ["POST", "/v1/token"],
      ["GET", "/nothing"],
    ] as const) {
      const { status, body } = await ask({ socket: private_.socket, secret }, method, path);
      assert.deepEqual([status, body["error"]], [401, "unauthorized"]);
    }
  }
  const refused = await runHere(["auth", "token"], borrower(t, `${private_.socket}#${shared.secret}`).env);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /^error: the agent rejected the secret in SPEC_KITTY_AGENT\n/);
});

test("S-009 the socket is in no directory that others can exchange", {
  skip: process.platform === "win32",
}, async (t) => {
  const at = await host(t);
  const open = join(at.folder, "open");
  mkdirSync(open);
  chmodSync(open, 0o777);
  const env = { ...at.env, XDG_RUNTIME_DIR: join(open, "mine"), TMPDIR: open };
  const { running, socket = "" } = await lend(t, { env });
  assert.ok(socket.startsWith("/tmp/spec-kitty-agent-"), socket);
  // Outside of the test's own directory.
  running.child.kill("SIGINT");
  await running.ended;
  assert.equal(existsSync(dirname(socket)), false);
});

test("the protocol is http with JSON in the words of the RFCs, and no refresh token goes over it", async (t) => {
  const at = await host(t);
  const agent = await lend(t, at);
  const token = (await at.here("auth token")).stdout.trim();
  const loan = await ask(agent, "GET", "/v1");
  assert.equal(loan.status, 200);
  const { host: machine, user, teams, ...rest } = loan.body;
  assert.equal(typeof machine, "string");
  assert.deepEqual(rest, { profile: "default", service: at.saas.url, team: null, expires_in: null });
  assert.equal((user as { email: string }).email, "alice@example.com");
  assert.ok(Array.isArray(teams));
  const given = await ask(agent, "POST", "/v1/token");
  assert.deepEqual({ ...given.body, expires_in: 0 }, { access_token: token, token_type: "Bearer", expires_in: 0 });
  assert.ok(Number(given.body["expires_in"]) > 3_500);
  for (const [method, path, body, status] of [
    ["POST", "/v1/token", "[]", 400],
    ["POST", "/v1/token", "x".repeat(70_000), 400],
    ["POST", "/v1/proof", '{"htm":"GET"}', 400],
    ["POST", "/v1/proof", `{"htm":"GET","htu":"${at.saas.url}/"}`, 400],
    ["GET", "/v1/token", "", 404],
    ["POST", "/v2/token", "", 404],
  ] as const)
    assert.equal((await ask(agent, method, path, { body })).status, status, `${method} ${path}`);
  const said = JSON.stringify([loan.body, given.body]);
  for (const [secret, kind] of at.saas.issued) if (kind === "refresh_token") assert.ok(!said.includes(secret));
});

test("a client that calls every token refused does not cause a refresh each time", async (t) => {
  const at = await host(t);
  const agent = await lend(t, at);
  const take = async (rejected?: unknown): Promise<unknown> =>
    (await ask(agent, "POST", "/v1/token", { body: JSON.stringify({ rejected }) })).body["access_token"];
  const first = await take();
  const second = await take(first);
  assert.notEqual(second, first);
  assert.equal(await take(second), second);
  assert.equal(await take(first), second, "it was replaced already");
  assert.equal(at.saas.counters.refreshes, 1);
});

test("the loan ends with its time, and its place is gone", async (t) => {
  const at = await host(t);
  const { socket = "", running } = await lend(t, at, "--for", "1s");
  assert.equal((await running.ended).code, 0);
  assert.ok(!existsSync(dirname(socket)));
});

test("with a command the login is lent to it, the exit code is its own, and the loan ends with it", async (t) => {
  const at = await host(t);
  const program = join(at.folder, "program.mjs");
  writeFileSync(
    program,
    `import { createAuth } from ${JSON.stringify(new URL("../../src/index.ts", import.meta.url).href)};
    const auth = createAuth({ name: "spec-kitty", version: "1.0.0", issuer: ${JSON.stringify(at.saas.url)}, folder: "/nowhere" });
    console.log((await (await auth.fetch("/api/v1/me")).json()).email, process.env.SPEC_KITTY_PASSPHRASE, process.argv.at(-1));
    console.error(process.env.SPEC_KITTY_AGENT);
    process.exitCode = 7;`,
  );
  const { code, stdout, stderr } = await runCommand(
    t,
    ["auth", "agent", "--", process.execPath, "--import", "tsx", program, "--json"],
    at.env,
    { cwd: new URL("../..", import.meta.url).pathname },
  );
  assert.deepEqual([code, stdout], [7, "alice@example.com undefined --json\n"], stderr);
  const [, socket = ""] = /^(\/.*)#/m.exec(stderr) ?? [];
  assert.ok(socket !== "" && !existsSync(dirname(socket)), stderr);
  const missing = await runCommand(t, ["auth", "agent", "--", "no-such-program"], at.env);
  assert.equal(missing.code, 2);
  assert.match(missing.stderr, /^error: cannot start "no-such-program" \(ENOENT\)\n/);
});

test("with --confirm each new client waits for the user's yes", { skip: noTerminal }, async (t) => {
  const at = await host(t);
  const agent = startOnTerminal(t, ["auth", "agent", "--confirm"], at.env);
  const [, value = ""] = await agent.shows(/SPEC_KITTY_AGENT='([^']+)'/);
  const { env } = borrower(t, value);
  const first = runHere(["api", "/api/v1/me"], env);
  await agent.shows(/Lend the login to [^ ]+@[^ ]+\? \[y\/N\] /);
  agent.type("y\n");
  assert.equal((await first).code, 0, "asked once for all that it asks");
  const second = runHere(["auth", "token"], env);
  await agent.shows(/(Lend the login to [^]+){2}/);
  agent.type("n\n");
  const { code, stderr } = await second;
  assert.equal(code, 5);
  assert.match(
    stderr,
    /^error: the agent named by SPEC_KITTY_AGENT returned no token: the user denied it on the agent's terminal\n/,
  );
  const alone = await runCommand(t, ["auth", "agent", "--confirm"], at.env);
  assert.equal(alone.code, 2);
  assert.match(alone.stderr, /^error: --confirm cannot ask here\nhint: Omit --confirm, or/);
});

test("--verbose names the client that got a token, and --port serves on loopback to every client with the secret", async (t) => {
  const at = await host(t);
  const agent = await lend(t, at, "--port", "0", "--verbose");
  assert.match(agent.origin ?? "", /^http:\/\/127\.0\.0\.1:\d+$/);
  assert.equal((await ask({ origin: agent.origin }, "GET", "/v1")).status, 401);
  const { code, stderr } = await runHere(["auth", "token"], borrower(t, agent.value).env);
  assert.equal(code, 0, stderr);
  await agent.running.shows(/^\S+@\S+ got a token, valid for (1 hour|59 minutes)\.$/m);
  for (const secret of [agent.secret, ...at.saas.issued.keys()]) assert.ok(!agent.running.stderr().includes(secret));
});

test("auth login, logout and refresh say where the login lives", async (t) => {
  const at = await host(t);
  const agent = await lend(t, at);
  const { env } = borrower(t, agent.value);
  const login = await runHere(["auth", "login", at.saas.url], env);
  assert.equal(login.code, 2);
  assert.match(
    login.stderr,
    /^error: SPEC_KITTY_AGENT names an agent on \S+, the machine of the login\nhint: Log in there\. To log in here: unset SPEC_KITTY_AGENT\n/,
  );
  const logout = await runHere(["auth", "logout"], env);
  assert.match(logout.stderr, /^error: .*\nhint: Log out there\. To log out here: unset SPEC_KITTY_AGENT\n/);
  assert.match(
    (await runHere(["auth", "refresh"], env)).stderr,
    /^error: SPEC_KITTY_AGENT is set, and the agent refreshes the login\n/,
  );
  agent.running.child.kill("SIGKILL");
  await agent.running.ended;
  assert.match(
    (await runHere(["auth", "logout"], env)).stderr,
    /^error: the agent named by SPEC_KITTY_AGENT does not respond\nhint: To log out here: unset/,
  );
  assert.match((await runHere(["auth", "agent"], env)).stderr, /^error: cannot lend a login: SPEC_KITTY_AGENT is set/);
});

test("S-001 what is named here must be what is lent: another service or profile gets nothing", async (t) => {
  const at = await host(t);
  const { value } = await lend(t, at);
  for (const [more, args, said] of [
    [
      { SPEC_KITTY_SAAS_URL: "https://other.example" },
      [],
      /^error: SPEC_KITTY_SAAS_URL is https:\/\/other\.example, but the agent lends http.*\nhint: Unset SPEC_KITTY_SAAS_URL, or/,
    ],
    [{}, ["--profile", "work"], /^error: --profile is work, but the agent lends default\nhint: Omit --profile, or/],
    [{ SPEC_KITTY_AGENT: "nonsense" }, [], /^error: SPEC_KITTY_AGENT is not in the form PLACE#SECRET/],
    [
      { SPEC_KITTY_AGENT: `http://agent.example#${"x".repeat(43)}` },
      [],
      /^error: SPEC_KITTY_AGENT names neither a socket/,
    ],
  ] as const) {
    const { code, stdout, stderr } = await runHere(["auth", "token", ...args], borrower(t, value, more).env);
    assert.deepEqual([code, stdout], [2, ""], stderr);
    assert.match(stderr, said);
    assert.doesNotMatch(stderr, /x{43}/);
  }
});

test("the login of another user meanwhile is not lent", async (t) => {
  const at = await host(t);
  const { value } = await lend(t, at);
  await signIn(at.saas, at.env, { user: "bob" });
  at.saas.expireAccessTokens();
  const { code, stderr } = await runHere(["api", "/api/v1/me"], borrower(t, value).env);
  assert.equal(code, 4);
  assert.match(stderr, /^error: .*acts for alice@example\.com at .*, and another user is logged in now\n/);
});

test("FR-021 a tool of another name has an agent of its own name, and its library takes tokens from it", async (t) => {
  const at = await scene(t);
  const identity = createIdentity({ name: "acme", version: "1.2.0" });
  const env = {
    HOME: at.folder,
    XDG_CONFIG_HOME: join(at.folder, "c"),
    XDG_STATE_HOME: join(at.folder, "s"),
    ACME_STORAGE: "file",
  };
  const app = createApp({ toolIdentity: identity, env });
  await storeSession(at.saas, env, sessionOf(at.saas, { leftMs: 3_600_000 }), { toolIdentity: identity });
  const agent = await startAgent(app, {
    port: undefined,
    isShared: false,
    limitMs: undefined,
    allows: async () => true,
    gave: () => undefined,
  });
  t.after(() => agent.close());
  const auth = createAuth({
    name: "acme",
    version: "1.2.0",
    issuer: at.saas.url,
    folder: join(at.folder, "elsewhere"),
    env: { ACME_AGENT: agent.value },
  });
  const tokens = await Promise.all(Array.from({ length: 20 }, () => auth.getToken()));
  assert.equal(new Set(tokens.map(({ token }) => token)).size, 1);
  assert.equal((await auth.fetch("/api/v1/me")).status, 200);
  assert.ok((await auth.credential().getToken([])).expiresOnTimestamp > Date.now());
  assert.equal(await auth.service(), at.saas.url);
  assert.ok(!existsSync(join(at.folder, "elsewhere")));
});
