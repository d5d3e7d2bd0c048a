import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { bin, type CommandEnvironment } from "../helpers/command.ts";
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

/** The real git with the real command as its only credential helper, and no terminal. */
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

test("git is given the access token as Bearer, with its expiry, and told to keep no copy", withBearer, async (t) => {
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

/** Makes the service serve a repository too, to requests with its token. */
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

/** What a client of Kubernetes says for a cluster. */
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
