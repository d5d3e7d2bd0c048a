// The real command against a certified OpenID provider in its own process. Needs a build; one test needs the Debian
// package chromium.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { resourceFetch } from "../../src/auth/oauth/dpop-fetch.ts";
import { createDpopKey } from "../../src/auth/oauth/dpop-proof.ts";
import type { Fetch } from "../../src/base/runtime-types.ts";
import type { Session } from "../../src/auth/sessions/session.ts";
import { systemClock } from "../../src/platform/clock.ts";
import type { Secret } from "../../src/base/secret.ts";
import {
  commandEnvironment,
  runCommand,
  scratchFolder,
  startCommand,
  type CommandEnvironment,
  type CommandResult,
} from "../helpers/command.ts";
import { signer } from "../helpers/platforms.ts";
import { storedSession } from "../helpers/stored-session.ts";
import { appeared } from "./command.ts";
import { fillForms } from "./form-user.js";
import { stage as atAddress } from "./stage.ts";

const provingFetch = (dpopKey: Secret): Fetch =>
  resourceFetch({ tokenType: "DPoP", dpopKey, clockOffsetMs: 0 }, { fetch, clock: systemClock });
const program = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

interface Stage {
  issuer: string;
  /** Requests since the last call: method, path and status. */
  asked(): string[];
  folder: string;
  env: CommandEnvironment;
  run(...args: string[]): Promise<CommandResult>;
  /** Must succeed. */
  does(...args: string[]): Promise<CommandResult>;
  session(): Promise<Session>;
}

/** The provider, which is also the service with only UserInfo, and a command that knows its URL alone. */
async function stage(t: TestContext, ...manners: string[]): Promise<Stage> {
  const provider = spawn(process.execPath, [program("oidc-provider.js"), ...manners], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  t.after(() => provider.kill());
  const lines = createInterface({ input: provider.stdout });
  const [issuer] = (await once(lines, "line")) as [string];
  let requests: string[] = [];
  lines.on("line", (line) => requests.push(line));
  const folder = scratchFolder(t);
  const env = commandEnvironment(folder, issuer, { BROWSER: program("form-user.js") });
  const run: Stage["run"] = (...args) => runCommand(t, args, env);
  return {
    issuer,
    asked() {
      const since = requests;
      requests = [];
      return since;
    },
    folder,
    env,
    run,
    async does(...args) {
      const result = await run(...args);
      assert.equal(result.code, 0, result.stderr);
      return result;
    },
    async session() {
      const session = await storedSession(env);
      assert.ok(session);
      return session;
    },
  };
}

const login = ["auth", "login", "--scope", "openid api.read"];

/** As a thief with the tokens: a refresh, and a request to UserInfo. Returns both statuses. */
async function use(session: Session, fetch: Fetch): Promise<[refresh: number, question: number]> {
  const { server, clientId, refreshToken, accessToken } = session;
  const body = new URLSearchParams({
    grant_type: "refresh_token",
    client_id: clientId,
    refresh_token: (refreshToken as Secret).reveal(),
  }).toString();
  const refresh = await fetch(server.token_endpoint, {
    method: "POST",
    body,
    headers: { "content-type": "application/x-www-form-urlencoded" },
  });
  const question = await fetch(server.userinfo_endpoint ?? "", {
    headers: { authorization: `Bearer ${accessToken.reveal()}` },
  });
  return [refresh.status, question.status];
}

for (const alg of ["RS256", "PS256", "ES256", "Ed25519"]) {
  for (const manners of [[], ["--par", "--nonces"]]) {
    test(`login, refresh, rotation, a request, and a logout that revokes, with ${[alg, ...manners].join(" ")}`, async (t) => {
      const { does, run, asked, session, issuer } = await stage(t, "--alg", alg, ...manners);
      assert.match(
        (await does(...login)).stdout,
        /^✓ Logged in as alice@example\.com\. Access token valid for 1 hour\.\n$/,
      );
      const first = asked();
      assert.deepEqual(
        first.filter((line) => line.includes("/request")),
        manners.length > 0 ? ["POST /request 400", "POST /request 201"] : [],
      );
      const before = await session();
      assert.deepEqual(
        [before.user, before.teams, before.tokenType, before.idToken?.sub],
        [{ id: "alice", email: "alice@example.com", name: "alice" }, [], "DPoP", "alice"],
      );
      assert.equal(before.server.issuer, issuer);

      await does("auth", "refresh");
      await does("auth", "refresh");
      // No discovery, no keys: one request each, or two where a new process needs the nonce.
      assert.deepEqual(
        asked(),
        manners.length > 0
          ? ["POST /token 400", "POST /token 200", "POST /token 400", "POST /token 200"]
          : ["POST /token 200", "POST /token 200"],
      );
      const after = await session();
      assert.ok(after.refreshToken && before.refreshToken && !after.refreshToken.equals(before.refreshToken));
      assert.equal(after.dpopKey?.reveal(), before.dpopKey?.reveal());

      assert.match((await does("api", "GET", "/me")).stdout, /"sub":"alice"/);
      const status = JSON.parse((await does("auth", "status", "--check", "--json")).stdout) as Record<string, unknown>;
      assert.deepEqual([status["tokenType"], status["teams"]], ["DPoP", []]);
      asked();

      assert.match((await does("auth", "logout")).stdout, /Revoked: refresh token, access token\./);
      assert.deepEqual(asked(), ["POST /token/revocation 200", "POST /token/revocation 200"]);
      assert.equal((await run("auth", "status")).code, 4);
      const proving = provingFetch(after.dpopKey as Secret);
      assert.deepEqual(await use(after, proving), [400, 401], "the tokens live on");
    });
  }
}

test("a refresh token that is presented twice ends the session at this server too, and says so", async (t) => {
  const { does, run, folder, env } = await stage(t);
  await does(...login);
  // The whole home: this machine's record of its last refresh, outside of it, would reveal the copy.
  const [copy, state] = [join(folder, "copy"), join(folder, "copied-state")];
  cpSync(env["SPEC_KITTY_CONFIG_DIR"] ?? "", copy, { recursive: true });
  cpSync(env["XDG_STATE_HOME"] ?? "", state, { recursive: true });
  await does("auth", "refresh");
  const thief = await runCommand(t, ["auth", "refresh"], {
    ...env,
    SPEC_KITTY_CONFIG_DIR: copy,
    XDG_STATE_HOME: state,
  });
  assert.equal(thief.code, 4);
  const owner = await run("auth", "refresh");
  assert.equal(owner.code, 4);
  assert.match(owner.stderr, /Session expired or revoked/);
});

test("eight processes whose token has expired make one refresh", async (t) => {
  const { address, does, asked, wave } = await atAddress(t, [process.execPath, program("oidc-provider.js")]);
  await does("auth", "login", address, "--scope", "openid");
  asked();
  await wave();
  // It refused the proof of a clock an hour ahead before.
  assert.deepEqual(
    asked().filter((line) => line.endsWith(" 200")),
    ["POST /token 200"],
  );
});

test("a denial by the user is told apart from a failure", async (t) => {
  const { env } = await stage(t);
  const { code, stderr } = await runCommand(t, login, { ...env, FORM_USER_ANSWER: "deny" });
  assert.equal(code, 5, stderr);
  assert.match(stderr, /the login was denied \(access_denied: the user said no\)/);
});

test("a device login with bound tokens, the user typing the code", async (t) => {
  const { env, does, session } = await stage(t, "--nonces");
  const running = startCommand(t, [...login, "--headless"], env);
  const [address, code] = await Promise.all([
    running.shows(/http:\S+\/device\b/),
    running.shows(/\b[A-Z]{4}-[A-Z]{4}\b/),
  ]);
  const { page } = await fillForms(address[0], { user_code: code[0], login: "alice", answer: "allow" });
  assert.match(page, /Success/);
  assert.equal((await running.ended).code, 0, running.stderr());
  assert.deepEqual([(await session()).tokenType, (await session()).idToken?.sub], ["DPoP", "alice"]);
  await does("auth", "refresh");
});

test("a login through Chromium: the provider's own page, the button Allow, and the page of the command", async (t) => {
  const { env, folder, does } = await stage(t, "--par");
  const record = join(folder, "record.json");
  const [result, seen] = await Promise.all([
    runCommand(t, login, {
      ...env,
      BROWSER: program("chromium-user.js"),
      CHROMIUM: process.env["CHROMIUM"],
      CHROMIUM_USER_RECORD: record,
    }),
    appeared(record),
  ]);
  assert.equal(result.code, 0, result.stderr + seen);
  const { text, url, asked } = JSON.parse(seen) as { text: string; url: string; asked: { url: string } };
  assert.match(text, /Logged in as alice@example\.com/);
  assert.doesNotMatch(url, /code|state/);
  assert.match(asked.url, /\/interaction\//);
  await does("auth", "refresh");
});

test("a stolen session without its key is of no use, at the token endpoint or at a resource, and the owner's goes on working", async (t) => {
  const { does, session } = await stage(t);
  await does(...login);
  const stolen = await session();
  assert.deepEqual(await use(stolen, fetch), [400, 401], "without a proof");
  assert.deepEqual(await use(stolen, provingFetch(createDpopKey())), [400, 401], "with a key of the thief's");
  await does("auth", "refresh");
  await does("api", "GET", "/me");
});

test("auth token says that a bound token is of no use to others, the credential helpers give none, and --no-dpop gives one that is", async (t) => {
  const { does, run, issuer } = await stage(t);
  await does(...login);
  const bound = await does("auth", "token");
  assert.match(
    bound.stderr,
    /^warning: no other program can use this token: it is bound to a key .* auth login --force --no-dpop$/m,
  );
  const me = async (token: string): Promise<number> =>
    (await fetch(`${issuer}/me`, { headers: { authorization: `Bearer ${token.trim()}` } })).status;
  assert.equal(await me(bound.stdout), 401);
  const helper = await run("auth", "exec-credential");
  assert.equal(helper.code, 2);
  assert.match(helper.stderr, /^hint: .*--no-dpop/m);

  await does(...login, "--force", "--no-dpop");
  const free = await does("auth", "token");
  assert.equal(free.stderr, "");
  assert.equal(await me(free.stdout), 200);
});

test("a login that takes the place of another revokes that one, after the new one is stored", async (t) => {
  const { does, session, asked } = await stage(t);
  await does(...login);
  const old = await session();
  asked();
  await does(...login, "--force");
  assert.deepEqual(asked().slice(-2), ["POST /token/revocation 200", "POST /token/revocation 200"]);
  assert.deepEqual(await use(old, provingFetch(old.dpopKey as Secret)), [400, 401]);
  await does("auth", "refresh");
  await does("api", "GET", "/me");
});

test("a token for a resource names it, after a refresh too, and the user is known by the ID token alone", async (t) => {
  const { does, session } = await stage(t);
  await does(...login, "--resource", "https://api.example/v1");
  const audience = async (): Promise<unknown> =>
    JSON.parse(Buffer.from((await session()).accessToken.reveal().split(".")[1] ?? "", "base64url").toString()).aud;
  assert.equal(await audience(), "https://api.example/v1");
  assert.deepEqual((await session()).user, { id: "alice", email: "alice@example.com", name: "alice" });
  await does("auth", "refresh");
  assert.equal(await audience(), "https://api.example/v1");
  await does("auth", "status", "--check");
});

test("FR-024 a job's identity is exchanged by both grants, where the provider has registered them and trusts the platform", async (t) => {
  const platform = signer("https://platform.example");
  const trusts = JSON.stringify({ iss: "https://platform.example", jwk: platform.jwk });
  const at = await stage(t, "--trusts", trusts);
  const env = {
    ...at.env,
    SPEC_KITTY_IDENTITY: "gitlab",
    SPEC_KITTY_IDENTITY_SCOPE: "openid",
    SPEC_KITTY_ID_TOKEN: platform.token(at.issuer, { sub: "ci" }),
  };
  for (const grant of [undefined, "token-exchange", "jwt-bearer"]) {
    const { code, stdout, stderr } = await runCommand(t, ["api", "/me"], { ...env, SPEC_KITTY_IDENTITY_GRANT: grant });
    assert.equal(code, 0, stderr);
    assert.equal((JSON.parse(stdout) as { sub: string }).sub, "ci");
  }
  const elsewhere = { ...env, SPEC_KITTY_ID_TOKEN: platform.token("https://another.example", { sub: "ci" }) };
  const refused = await runCommand(t, ["auth", "token"], elsewhere);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /rejected the identity of GitLab .*aud "https:\/\/another.example".*"invalid_grant"/);
});
