import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { test } from "node:test";
import { ownIdentity } from "../../src/base/identity.ts";
import { createCommand } from "../../src/cli/main.ts";
import { commandTable } from "../../src/cli/command-table.ts";
import { dispatch } from "../../src/cli/dispatch.ts";
import { bin, runCommand } from "../helpers/command.ts";
import { runHere } from "../helpers/command-here.ts";
import { scene, type Scene } from "../helpers/scene.ts";
import { sessionOf, signIn, storedSession, storeSession } from "../helpers/stored-session.ts";

const missing = (program: string): string | false =>
  process.platform === "win32"
    ? "there is no sh there"
    : spawnSync(program, ["--version"]).status === 0
      ? false
      : `${program} is not installed`;

interface Failure {
  error: { code: string; message: string; hint?: string };
}

test("with --json a failure is JSON on stdout, with the same words and exit code as without", async (t) => {
  const { run, here, saas } = await scene(t);
  const failures: [args: string, code: number, name: string, more?: Record<string, string>][] = [
    ["auth whoami", 4, "not_authenticated"],
    ["auth token", 4, "not_authenticated"],
    ["api /api/v1/me", 4, "not_authenticated"],
    ["auth login --port 70000", 2, "usage_invalid"],
    ["auth lgoin", 2, "usage_invalid"],
    ["auth status --nonsense", 2, "usage_invalid"],
    ["sync emit Nonsense --aggregate WP01 --payload {}", 2, "usage_invalid"],
    ["tracker status --provider github --project p", 4, "not_authenticated"],
    ["auth status", 2, "configuration_invalid", { SPEC_KITTY_SAAS_URL: "nonsense" }],
  ];
  for (const [index, [args, code, name, more = {}]] of failures.entries()) {
    const how = index === 0 ? run : here;
    const [plain, asJson] = [await how(args, more), await how(`${args} --json`, more)];
    assert.deepEqual([asJson.code, plain.code, plain.stdout], [code, code, ""], args);
    const { error } = JSON.parse(asJson.stdout) as Failure;
    assert.equal(error.code, name, args);
    assert.equal(plain.stderr, `error: ${error.message}\nhint: ${error.hint}\n`, args);
    assert.equal(asJson.stderr, plain.stderr, "people see the same");
  }
  await saas.stop();
  const { code, stdout } = await here("auth whoami --json", { SPEC_KITTY_ACCESS_TOKEN: "at_given" });
  assert.deepEqual([code, (JSON.parse(stdout) as Failure).error.code], [3, "network_unavailable"]);
});

test("every command takes --json, --verbose and --debug, and whoami prints JSON", async (t) => {
  const { here, saas, env } = await scene(t);
  await signIn(saas, env);
  assert.deepEqual(JSON.parse((await here("auth whoami --json")).stdout), {
    profile: "default",
    user: { id: "u_alice", email: "alice@example.com", name: "Alice" },
  });
  const token = saas.issue({ user: "bob" }).access_token;
  assert.deepEqual(JSON.parse((await here("auth whoami --json", { SPEC_KITTY_ACCESS_TOKEN: token })).stdout), {
    user: { id: "u_bob", email: "bob@example.com", name: "Bob" },
    tokenSource: "SPEC_KITTY_ACCESS_TOKEN",
  });
  for (const { words } of commandTable) {
    const help = await dispatch([...words, "--help"], ownIdentity);
    assert.match(help.kind === "text" ? help.text : "", /--json[ ,][^]*--verbose[ ,][^]*--debug/, words.join(" "));
  }
});

test("the output of a command that fails on purpose is not followed by a second JSON value", async (t) => {
  const { run, here, saas, env } = await scene(t);
  const { code, stdout } = await run("auth status --json");
  assert.deepEqual([code, (JSON.parse(stdout) as { authenticated: boolean }).authenticated], [4, false]);
  await signIn(saas, env);
  saas.faults.always("/api/v1/echo", { status: 404, body: { error: "gone" } });
  const api = await here("api /api/v1/echo --json");
  assert.deepEqual([api.code, api.stdout], [1, '{"error":"gone"}']);
});

test("options that every command has may stand in front of it", async (t) => {
  const { run, here, saas, env } = await scene(t);
  await signIn(saas, env);
  await signIn(saas, env, { user: "bob", profile: "work" });
  assert.equal((await run("--profile work auth whoami")).stdout, "bob@example.com\n");
  for (const inFront of ["--profile=work", "--debug --profile work", "--json --profile work"]) {
    const { code, stdout, stderr } = await here(`${inFront} auth whoami`);
    assert.deepEqual([code, stderr], [0, ""], inFront);
    assert.match(stdout, /bob@example\.com/);
  }
  assert.equal(
    (await here("--profile work auth whoami --profile default")).stdout,
    "alice@example.com\n",
    "the last one counts",
  );
  assert.equal((await here("--json")).stdout, (await here("--help")).stdout);
  for (const [args, message] of [
    ["--profile work auth list", /^error: "--profile" is not an option of "auth list"/],
    [
      "--profile auth whoami",
      /^error: "whoami" is not a command of spec-kitty\nhint: Did you mean spec-kitty auth whoami\?/,
    ],
    ["--json auth lgoin", /^error: "lgoin" is not a command of spec-kitty auth\n/],
    ["--nonsense auth whoami", /^error: "--nonsense" is not an option of spec-kitty\n/],
  ] as const) {
    const { code, stderr } = await here(args);
    assert.equal(code, 2, args);
    assert.match(stderr, message);
  }
  const tool = createCommand({ name: "acme", version: "1.0.0", issuer: undefined });
  assert.deepEqual(
    [
      ["--json", "auth", "whoami"],
      ["--profile", "auth", "mine"],
      ["--json", "mine"],
    ].map((argv) => tool.has(argv)),
    [true, false, false],
  );
});

test("auth token --header prints the header, which curl reads from its standard input", {
  skip: missing("curl"),
}, async (t) => {
  const { here, saas, env } = await scene(t);
  await signIn(saas, env);
  const token = (await storedSession(env))?.accessToken.reveal();
  const { stdout } = await here("auth token --header");
  assert.equal(stdout, `Authorization: Bearer ${token}\n`);
  assert.equal(
    (await here("auth token --header", { SPEC_KITTY_ACCESS_TOKEN: "at_given" })).stdout,
    "Authorization: Bearer at_given\n",
  );
  const { code, stderr } = await here("auth token --header --json");
  assert.deepEqual([code, stderr.split("\n")[0]], [2, "error: --header and --json cannot be used together"]);
  const line = `'${process.execPath}' '${bin}' auth token --header | curl -s --noproxy '*' -H @- '${saas.url}/api/v1/me'`;
  const child = await runShell(line, env);
  assert.match(child, /alice@example\.com/);
});

async function runShell(line: string, env: Record<string, string | undefined>): Promise<string> {
  return (await promisify(execFile)("sh", ["-c", line], { env: env as NodeJS.ProcessEnv })).stdout;
}

function gitConfig(at: Scene): string {
  return spawnSync("git", ["config", "--global", "--list"], { env: at.env as NodeJS.ProcessEnv, encoding: "utf8" })
    .stdout;
}

test("auth setup-git makes git ask this tool, and nothing else, for the service's URL, however often it is run", {
  skip: missing("git"),
}, async (t) => {
  const at = await scene(t, {}, { GIT_CONFIG_NOSYSTEM: "1" });
  await signIn(at.saas, at.env);
  await signIn(at.saas, at.env, { user: "bob", profile: "work" });
  spawnSync("git", ["config", "--global", `credential.${at.saas.url}.helper`, "store"], {
    env: at.env as NodeJS.ProcessEnv,
  });
  const { origin } = new URL(at.saas.url);
  // In this process the home differs from the command's environment.
  for (const way of ["run", "here"] as const)
    assert.deepEqual(await at[way]("auth setup-git"), {
      code: 0,
      signal: null,
      stdout: `✓ git uses the login of the profile in use for ${origin}.\n`,
      stderr: "",
    });
  assert.equal(
    gitConfig(at),
    `credential.${origin}.helper=\ncredential.${origin}.helper=!spec-kitty auth git-credential\n`,
  );
  const named = await at.run("auth setup-git --profile work --json");
  assert.deepEqual(JSON.parse(named.stdout), { url: origin, helper: "!spec-kitty auth git-credential --profile work" });
  assert.equal(
    gitConfig(at),
    `credential.${origin}.helper=\ncredential.${origin}.helper=!spec-kitty auth git-credential --profile work\n`,
  );

  const tools = join(at.folder, "spec-kitty");
  writeFileSync(tools, `#!/bin/sh\nexec '${process.execPath}' '${bin}' "$@"\n`, { mode: 0o755 });
  const filled = await runShell(`printf 'protocol=http\\nhost=${new URL(origin).host}\\n\\n' | git credential fill`, {
    ...at.env,
    PATH: `${at.folder}:${at.env["PATH"]}`,
    GIT_TERMINAL_PROMPT: "0",
  });
  assert.match(filled, new RegExp(`^password=${(await storedSession(at.env, "work"))?.accessToken.reveal()}$`, "m"));
});

test("auth setup-git says when there is no git, and makes git tell the path for a service that has one", {
  skip: missing("git"),
}, async (t) => {
  const at = await scene(t);
  await storeSession(at.saas, at.env, sessionOf(at.saas, { leftMs: 3_600_000 }));
  const none = await at.run("auth setup-git", { PATH: at.folder });
  assert.deepEqual(
    [none.code, none.stderr],
    [2, "error: git is not installed, or not in PATH\nhint: Install git, then run the command again\n"],
  );
  const app = await storeSession(at.saas, at.env, sessionOf(at.saas, { leftMs: 3_600_000 }), { profile: "tenant" });
  for (const name of await app.store.names())
    await app.store.change(name, (profile) => profile && { ...profile, service: `${at.saas.url}/tenant` });
  assert.equal((await at.run("auth setup-git --profile tenant")).code, 0);
  assert.match(gitConfig(at), new RegExp(`^credential\\.${at.saas.url}\\.usehttppath=true$`, "m"));
});

for (const how of ["--verbose", "SPEC_KITTY_TRACE"] as const) {
  test(`S-005 ${how} tells of each request and its response on stderr, without a secret`, async (t) => {
    const at = await scene(t);
    await storeSession(at.saas, at.env, sessionOf(at.saas));
    const before = await storedSession(at.env);
    at.saas.faults.always("/api/v1/echo", {
      headers: {
        "X-Request-Id": "req_4711",
        "WWW-Authenticate": "Bearer error=shown",
        "Set-Cookie": "sid=hidden-cookie",
      },
    });
    const args = ["api", "/api/v1/echo?page=1", "-H", "X-Api-Key: hidden-key", ...(how === "--verbose" ? [how] : [])];
    const { code, stdout, stderr } = await (how === "--verbose"
      ? runCommand(t, args, at.env)
      : runHere(args, { ...at.env, [how]: "1" }));
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^\{"method":"GET"/);
    assert.match(
      stderr,
      new RegExp(`^> \\[1\\] POST ${at.saas.url}/oauth/token\\n(    .*\\n)*< \\[1\\] 200 OK after \\d+ ms\\n`),
    );
    assert.match(
      stderr,
      new RegExp(
        `^> \\[2\\] GET ${at.saas.url}/api/v1/echo\\?page=1\\n(    .*\\n)*    authorization: \\[secret\\]\\n(    .*\\n)*< \\[2\\] 200 OK after \\d+ ms, id req_4711\\n(    .*\\n)*    set-cookie: \\[secret\\]\\n`,
        "m",
      ),
    );
    assert.match(stderr, /^ {4}x-api-key: \[secret\]$/m);
    assert.match(stderr, /^ {4}www-authenticate: Bearer error=shown$/m);
    const after = await storedSession(at.env);
    for (const secret of [before?.accessToken, before?.refreshToken, after?.accessToken, after?.refreshToken])
      assert.ok(secret && !stderr.includes(secret.reveal()));
    assert.doesNotMatch(stderr, /hidden/);
    assert.equal((await at.here("auth whoami")).stderr, "", "only when it is asked for");
  });
}

test("--verbose says why no response came", async (t) => {
  const { here, saas } = await scene(t);
  await saas.stop();
  const { code, stderr } = await here("auth whoami --verbose", { SPEC_KITTY_ACCESS_TOKEN: "at_given" });
  assert.equal(code, 3);
  assert.match(
    stderr,
    /^> \[1\] GET .*\/api\/v1\/me\n(?: {4}.*\n)*< \[1\] no response after \d+ ms: ECONNREFUSED\nerror: /,
  );
});
