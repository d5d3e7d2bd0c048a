import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { bin, type CommandEnvironment, type CommandResult } from "../helpers/command.ts";
import { withInput } from "../helpers/command-here.ts";
import { ManualClock } from "../helpers/manual-clock.ts";
import { scene, type Scene } from "../helpers/scene.ts";
import { sessionOf, storedSession, storeSession } from "../helpers/stored-session.ts";

const gitVersion = /git version (\d+)\.(\d+)/.exec(spawnSync("git", ["--version"], { encoding: "utf8" }).stdout ?? "");
const withGit = gitVersion ? {} : { skip: "no git here" };
const knowsBearer = gitVersion !== null && (Number(gitVersion[1]) > 2 || Number(gitVersion[2]) >= 46);
const withBearer = knowsBearer ? {} : { skip: "no git 2.46 here, the first that knows other schemes than Basic" };

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** The real git with the real command as its only credential helper, without a terminal. */
async function git(
  { env, folder }: Scene,
  args: readonly string[],
  input = "",
  more: Record<string, string> = {},
): Promise<Ended> {
  const config = join(folder, "gitconfig");
  writeFileSync(config, `[credential]\n\thelper = "!'${process.execPath}' '${bin}' auth git-credential"\n`);
  const child = spawn("git", args, {
    env: { ...env, GIT_CONFIG_GLOBAL: config, GIT_CONFIG_NOSYSTEM: "1", GIT_TERMINAL_PROMPT: "0", ...more },
    cwd: folder,
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  child.stdin.on("error", () => undefined).end(input);
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr };
}

async function loggedIn(t: TestContext, leftMs = 3_600_000): Promise<Scene & { token: string; host: string }> {
  const at = await scene(t);
  const session = sessionOf(at.saas, { leftMs });
  await storeSession(at.saas, at.env, session);
  return { ...at, token: session.accessToken.reveal(), host: new URL(at.saas.url).host };
}

function attributes(text: string): Record<string, string> {
  return Object.fromEntries(
    text
      .trim()
      .split("\n")
      .map((line) => line.split(/=(.*)/s).slice(0, 2)),
  );
}

test("git gets the access token as Bearer, with its expiry and an order to keep no copy", withBearer, async (t) => {
  const at = await loggedIn(t);
  const { code, stdout, stderr } = await git(
    at,
    ["credential", "fill"],
    `capability[]=authtype\nprotocol=http\nhost=${at.host}\n\n`,
  );
  assert.equal(code, 0, stderr);
  const answer = attributes(stdout);
  assert.equal(answer["authtype"], "Bearer");
  assert.equal(answer["credential"], at.token);
  assert.equal(answer["ephemeral"], "1");
  assert.equal(
    Number(answer["password_expiry_utc"]),
    Math.floor(((await storedSession(at.env))?.accessTokenExpiresAt ?? 0) / 1000),
  );
  assert.equal(answer["password"], undefined);
});

test("a git that knows only names and passwords is given the token as a password", withGit, async (t) => {
  const at = await loggedIn(t);
  const { code, stdout, stderr } = await git(
    at,
    ["credential", "fill"],
    `protocol=http\nhost=${at.host}\nusername=someone\n\n`,
  );
  assert.equal(code, 0, stderr);
  const answer = attributes(stdout);
  assert.equal(answer["username"], "someone");
  assert.equal(answer["password"], at.token);
  assert.equal(answer["credential"], undefined);
});

const sha = "0123456789012345678901234567890123456789";
const packet = (text: string): string => (text.length + 4).toString(16).padStart(4, "0") + text;
const advertisement = `${packet("# service=git-upload-pack\n")}0000${packet(`${sha} refs/heads/main\0\n`)}0000`;

/** Serves a repository too, to requests with the token. */
function haveRepository({ saas }: Scene, accepts: (authorization: string) => boolean): void {
  const path = "/repository.git/info/refs";
  saas.faults.always(path, {
    when: ({ headers }) => accepts(headers.authorization ?? ""),
    status: 200,
    headers: { "Content-Type": "application/x-git-upload-pack-advertisement" },
    body: advertisement,
  });
  saas.faults.always(path, {
    when: ({ headers }) => !accepts(headers.authorization ?? ""),
    status: 401,
    headers: { "WWW-Authenticate": 'Bearer realm="repository"' },
    body: "",
  });
}

function shown({ saas }: Scene): string[] {
  return saas.requests
    .filter(({ path }) => path.startsWith("/repository.git"))
    .map(({ headers }) => headers.authorization ?? "nothing");
}

test(
  "S-001 git reads a repository of the service with the access token, and sends it to no other host",
  withBearer,
  async (t) => {
    const at = await loggedIn(t);
    const stranger = await scene(t);
    for (const one of [at, stranger]) haveRepository(one, (authorization) => authorization === `Bearer ${at.token}`);

    const { code, stdout, stderr } = await git(at, ["ls-remote", `${at.saas.url}/repository.git`]);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, `${sha}\trefs/heads/main\n`);
    assert.deepEqual(shown(at), ["nothing", `Bearer ${at.token}`]);

    const refused = await git(at, ["ls-remote", `${stranger.saas.url}/repository.git`]);
    assert.notEqual(refused.code, 0);
    assert.deepEqual([...new Set(shown(stranger))], ["nothing"]);
  },
);

test(
  "a token that the service refuses from git is replaced once, and git's next attempt works",
  withBearer,
  async (t) => {
    const at = await loggedIn(t);
    haveRepository(
      at,
      (authorization) => authorization.startsWith("Bearer ") && authorization !== `Bearer ${at.token}`,
    );
    assert.notEqual((await git(at, ["ls-remote", `${at.saas.url}/repository.git`])).code, 0);
    assert.equal(at.saas.counters.refreshes, 1);
    const { code, stderr } = await git(at, ["ls-remote", `${at.saas.url}/repository.git`]);
    assert.equal(code, 0, stderr);
    assert.equal(at.saas.counters.refreshes, 1);
  },
);

const v1 = "client.authentication.k8s.io/v1";

/** The environment from a Kubernetes client for a cluster. */
function askedBy(server?: string): CommandEnvironment {
  return {
    KUBERNETES_EXEC_INFO: JSON.stringify({
      apiVersion: v1,
      kind: "ExecCredential",
      spec: { interactive: false, ...(server !== undefined && { cluster: { server } }) },
    }),
  };
}

test("exec-credential gives Kubernetes clients a token that is refreshed if necessary, and its expiry", async (t) => {
  const at = await loggedIn(t, -1000);
  const { code, stdout, stderr } = await at.run(
    "auth exec-credential --cluster https://cluster.example",
    askedBy("https://cluster.example/"),
  );
  assert.equal(code, 0, stderr);
  const session = await storedSession(at.env);
  assert.notEqual(session?.accessToken.reveal(), at.token);
  assert.deepEqual(JSON.parse(stdout), {
    apiVersion: v1,
    kind: "ExecCredential",
    status: {
      token: session?.accessToken.reveal(),
      expirationTimestamp: new Date(session?.accessTokenExpiresAt ?? 0).toISOString(),
    },
  });
  assert.equal((await at.here("auth exec-credential")).code, 0, "without the variable too");
});

test("S-001 docker-credential gives a token for the service's host, in the helpers' protocol, and for no other", async (t) => {
  const at = await loggedIn(t);
  const ask = (args: string, input: string): Promise<CommandResult> =>
    withInput(input, () => at.here(`auth docker-credential ${args}`));
  const got = await ask("get", `${at.host}\n`);
  assert.deepEqual(
    [got.code, JSON.parse(got.stdout)],
    [0, { ServerURL: at.host, Username: "oauth2", Secret: at.token }],
  );
  assert.equal(
    (JSON.parse((await ask("get --account token", at.host)).stdout) as { Username: string }).Username,
    "token",
  );
  assert.deepEqual(JSON.parse((await ask("list", "")).stdout), { [at.host]: "oauth2" });
  // Another scheme is another host, even where plain http is allowed for the registry.
  for (const other of [
    "registry.example",
    `https://${at.host}`,
    `${at.host}.evil.example`,
    `evil.example/${at.host}`,
    "",
    "\n",
  ]) {
    const { code, stdout, stderr } = await ask("get", other);
    assert.deepEqual([code, stdout, stderr], [1, "credentials not found in native keychain\n", ""], other);
  }
  assert.deepEqual(await ask("erase", at.host), { code: 0, signal: null, stdout: "", stderr: "" });
  assert.equal((await ask("store", "{}")).code, 2);
  assert.equal((await at.here("auth whoami")).code, 0);
});

test("S-001 docker-credential gives none where the service is a path of a host, since a registry is all of it", async (t) => {
  const at = await scene(t, { basePath: "/tenant" });
  await storeSession(at.saas, at.env, sessionOf(at.saas, { leftMs: 3_600_000 }));
  const { code, stdout } = await withInput(new URL(at.saas.url).host, () => at.here("auth docker-credential get"));
  assert.deepEqual([code, stdout], [1, "credentials not found in native keychain\n"]);
});

test("S-001 bazel-credential gives a header and its expiry for a URL on the service, and nothing for any other", async (t) => {
  const at = await loggedIn(t);
  const ask = (uri: string): Promise<CommandResult> =>
    withInput(JSON.stringify({ uri }), () => at.here("auth bazel-credential get"));
  const got = JSON.parse((await ask(`${at.saas.url}/cache/ac/1`)).stdout) as { headers: unknown; expires: string };
  assert.deepEqual(got.headers, { Authorization: [`Bearer ${at.token}`] });
  assert.equal(got.expires, new Date((await storedSession(at.env))?.accessTokenExpiresAt ?? 0).toISOString());
  for (const uri of [
    "https://cache.example/",
    `http://${at.host}.evil.example/`,
    `https://${at.host}@evil.example/`,
    "grpc:x",
  ])
    assert.deepEqual(await ask(uri), { code: 0, signal: null, stdout: "{}\n", stderr: "" }, uri);
});

test("a token that a program says was refused is replaced by one refresh for all that say the same", async (t) => {
  const at = await loggedIn(t);
  const say = (): Promise<CommandResult> => withInput(`${at.token}\n`, () => at.here("auth token --rejected"));
  const first = await say();
  assert.equal(first.code, 0, first.stderr);
  assert.notEqual(first.stdout, `${at.token}\n`);
  assert.equal((await say()).stdout, first.stdout);
  assert.equal(at.saas.counters.refreshes, 1);
});

test("a client of Kubernetes that asks for the same token within ten seconds gets another, at most once a minute", async (t) => {
  const at = await loggedIn(t);
  const clock = new ManualClock();
  const ask = async (): Promise<string> => {
    const { code, stdout, stderr } = await at.here(
      "auth exec-credential --cluster https://cluster.example",
      askedBy("https://cluster.example"),
      { clock },
    );
    assert.equal(code, 0, stderr);
    return (JSON.parse(stdout) as { status: { token: string } }).status.token;
  };
  assert.equal(await ask(), at.token);
  clock.pass(10_001);
  assert.equal(await ask(), at.token);
  clock.pass(9_000);
  const second = await ask();
  assert.notEqual(second, at.token);
  for (const ms of [0, 5_000, 9_000]) {
    clock.pass(ms);
    assert.equal(await ask(), second);
  }
  clock.pass(60_000);
  assert.equal(await ask(), second);
  assert.notEqual(await ask(), second);
  assert.equal(at.saas.counters.refreshes, 2);
  const kept = readFileSync(join(at.config, "exec-credential.json"), "utf8");
  for (const secret of at.saas.issued.keys()) assert.ok(!kept.includes(secret));
});

test("two requests by hand for what kubectl would get return the same token", async (t) => {
  const at = await loggedIn(t);
  const [first, second] = [await at.here("auth exec-credential"), await at.here("auth exec-credential")];
  assert.equal(first.stdout, second.stdout);
  assert.equal(at.saas.counters.refreshes, 0);
});

test(
  "git, logged out, says in one line how to log in, and does not ask for a user name; another host is not our business",
  withGit,
  async (t) => {
    const at = await loggedIn(t);
    await at.here("auth logout");
    const ask = (host: string): ReturnType<typeof git> =>
      git(at, ["credential", "fill"], `protocol=http\nhost=${host}\n\n`);
    const { code, stdout, stderr } = await ask(at.host);
    assert.notEqual(code, 0);
    assert.equal(stdout, "");
    const [ours, ...gits] = stderr.trim().split("\n");
    const why =
      /^error: not logged in \(profile "default"\): alice@example\.com logged out here on .*\. Run: spec-kitty auth login$/;
    assert.match(ours ?? "", why);
    assert.equal(gits.length, 1);
    assert.match(gits[0] ?? "", /told us to quit/);
    const other = await ask("other.example");
    assert.match(other.stderr, /Username for|could not read Username/);
    assert.doesNotMatch(other.stderr, /logged in/);
  },
);

test(
  "setup-git --undo removes what it wrote and nothing else, and logout says that git is still set up",
  withGit,
  async (t) => {
    const at = await loggedIn(t);
    const config = join(at.folder, "gitconfig");
    const env = { GIT_CONFIG_GLOBAL: config };
    const own = `[user]\n\tname = alice\n[credential "${at.saas.url}"]\n\thelper = cache\n[credential]\n\thelper = store\n`;
    writeFileSync(config, own);
    assert.equal((await at.here("auth setup-git --undo", env)).stdout, "git does not use the login.\n");
    assert.equal((await at.here("auth setup-git", env)).code, 0);
    assert.match(
      (await at.here("auth logout", env)).stderr,
      /^hint: To stop git from using the login for http:\/\/127[^\n]*: spec-kitty auth setup-git --undo$/m,
    );
    const undone = await at.here("auth setup-git --undo", env);
    assert.equal(undone.stdout, `✓ git no longer uses the login for ${at.saas.url}.\n`);
    const left = readFileSync(config, "utf8");
    assert.doesNotMatch(left, /spec-kitty|useHttpPath/);
    assert.match(left, /name = alice/);
    assert.match(left, /helper = store/);
    assert.doesNotMatch((await at.here("auth logout", env)).stderr, /git/);
  },
);
