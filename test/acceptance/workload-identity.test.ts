import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { createAuth, type Auth } from "../../src/index.ts";
import type { FakeRequest } from "../fake-saas/http.ts";
import { filesUnder, scene, type Scene } from "../helpers/scene.ts";
import { ManualClock } from "../helpers/manual-clock.ts";
import { gitHubActions, projectedToken, signer, type Signer } from "../helpers/platforms.ts";

/** A service that trusts a platform for alice only. */
async function trusting(t: TestContext, iss = "https://platform.example"): Promise<Scene & { platform: Signer }> {
  const at = await scene(t);
  const platform = signer(iss);
  at.saas.options.identity = (jwt) => {
    const claims = platform.judge(jwt, at.saas.url);
    return typeof claims === "string" ? { refused: claims } : "alice";
  };
  return { ...at, platform };
}

const exchanges = ({ saas }: Scene): URLSearchParams[] =>
  saas.requests
    .filter(({ path }) => path === "/oauth/token")
    .map(({ body }: FakeRequest) => new URLSearchParams(String(body)));

test("FR-024 a job of GitHub Actions sends a request as the user that the issuer knows it as, and nothing is stored", async (t) => {
  const at = await trusting(t);
  const job = await gitHubActions(t, at.platform);
  const env = { ...job.env, SPEC_KITTY_IDENTITY: "github-actions", SPEC_KITTY_STORAGE: undefined };
  const { code, stdout, stderr } = await at.run("api /api/v1/me", env);
  assert.equal(code, 0, stderr);
  assert.equal((JSON.parse(stdout) as { email: string }).email, "alice@example.com");
  assert.deepEqual(job.asked, [at.saas.url]);
  const [form] = exchanges(at);
  const { subject_token, ...rest } = Object.fromEntries(form ?? []);
  assert.equal(typeof at.platform.judge(subject_token ?? "", at.saas.url), "object");
  assert.deepEqual(rest, {
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    client_id: "cli_native",
    subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
  });
  assert.deepEqual([...filesUnder(at.folder).keys()], []);
});

test("the audience of GitHub's token can be named, where the issuer goes by another name", async (t) => {
  const at = await trusting(t);
  const job = await gitHubActions(t, at.platform);
  await at.here("auth token", { ...job.env, SPEC_KITTY_IDENTITY: "github-actions:https://issuer.example/pool" });
  assert.deepEqual(job.asked, ["https://issuer.example/pool"]);
});

test("FR-024 GitLab's token is taken from the tool's variable, or from one that is named", async (t) => {
  const at = await trusting(t);
  const token = at.platform.token(at.saas.url, { sub: "project_path:group/project:ref_type:branch:ref:main" });
  for (const env of [
    { SPEC_KITTY_IDENTITY: "gitlab", SPEC_KITTY_ID_TOKEN: token },
    { SPEC_KITTY_IDENTITY: "gitlab:DEPLOY_TOKEN", DEPLOY_TOKEN: token },
  ]) {
    const { code, stdout, stderr } = await at.here("auth whoami", env);
    assert.deepEqual([code, stdout], [0, "alice@example.com\n"], stderr);
  }
  assert.deepEqual(
    exchanges(at).map((form) => form.get("subject_token")),
    [token, token],
  );
});

test("FR-024 the projected token of Kubernetes is read again for each exchange, so that a rotated one is used", async (t) => {
  const at = await trusting(t);
  const { path, rotate } = projectedToken(join(at.folder, "tokens"), "spec-kitty");
  const clock = new ManualClock();
  const auth = createAuth({
    name: "acme",
    version: "1.0.0",
    issuer: at.saas.url,
    clientId: "cli_native",
    identity: `kubernetes:${path}`,
    env: {},
    clock,
  });
  const tokens = ["system:serviceaccount:ci:before", "system:serviceaccount:ci:after"].map((sub) =>
    at.platform.token(at.saas.url, { sub }),
  );
  for (const token of tokens) {
    rotate(token);
    await auth.getToken();
    clock.pass(3_600_000);
  }
  assert.deepEqual(
    exchanges(at).map((form) => form.get("subject_token")),
    tokens,
  );
});

test("FR-024 a file and a program give the identity token, the program without a shell", async (t) => {
  const at = await trusting(t);
  const file = join(at.folder, "token.jwt");
  writeFileSync(file, `${at.platform.token(at.saas.url)}\n`);
  const program = join(at.folder, "issue");
  writeFileSync(program, `#!/bin/sh\n[ "$#,$1,$2" = '2,--for,$HOME' ] && cat '${file}'\n`);
  chmodSync(program, 0o700);
  for (const source of [`file:${file}`, `command:${program} --for $HOME`]) {
    const { code, stdout, stderr } = await at.here("auth whoami", { SPEC_KITTY_IDENTITY: source });
    assert.deepEqual([code, stdout], [0, "alice@example.com\n"], stderr);
  }
});

test("the exchange requests what the variables say, in the standard's words", async (t) => {
  const at = await trusting(t);
  const env = {
    SPEC_KITTY_IDENTITY: "gitlab",
    SPEC_KITTY_ID_TOKEN: at.platform.token(at.saas.url),
    SPEC_KITTY_CLIENT_ID: "cli_native",
    SPEC_KITTY_IDENTITY_AUDIENCE: "deploy",
    SPEC_KITTY_IDENTITY_RESOURCE: "https://api.example/v1",
    SPEC_KITTY_IDENTITY_SCOPE: "api.read api.write",
    SPEC_KITTY_IDENTITY_TOKEN_TYPE: "access_token",
  };
  assert.equal((await at.here("auth token", env)).code, 0);
  assert.equal((await at.here("auth token", { ...env, SPEC_KITTY_IDENTITY_GRANT: "jwt-bearer" })).code, 0);
  const [exchange, bearer] = exchanges(at).map((form) => Object.fromEntries(form));
  const target = { audience: "deploy", resource: "https://api.example/v1", scope: "api.read api.write" };
  assert.deepEqual(exchange, {
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    client_id: "cli_native",
    subject_token: env.SPEC_KITTY_ID_TOKEN,
    subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
    requested_token_type: "urn:ietf:params:oauth:token-type:access_token",
    ...target,
  });
  assert.deepEqual(bearer, {
    grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
    client_id: "cli_native",
    assertion: env.SPEC_KITTY_ID_TOKEN,
    ...target,
  });
});

test("the grant is the one that the issuer's metadata lists", async (t) => {
  const at = await trusting(t);
  const metadata = {
    issuer: at.saas.url,
    authorization_endpoint: `${at.saas.url}/oauth/authorize`,
    token_endpoint: `${at.saas.url}/oauth/token`,
  };
  const env = { SPEC_KITTY_IDENTITY: "gitlab", SPEC_KITTY_ID_TOKEN: at.platform.token(at.saas.url) };
  const [exchange, bearer] = ["token-exchange", "jwt-bearer"].map((name) => `urn:ietf:params:oauth:grant-type:${name}`);
  for (const grant_types_supported of [[bearer], [exchange, bearer], undefined]) {
    at.saas.faults.next("/.well-known/oauth-authorization-server", { body: { ...metadata, grant_types_supported } });
    assert.equal((await at.here("auth token", env)).code, 0);
  }
  assert.deepEqual(
    exchanges(at).map((form) => form.get("grant_type")),
    [bearer, exchange, exchange],
  );
});

/** On GitLab, with a clock that the test moves. */
function program(at: Scene & { platform: Signer }): { auth: Auth; clock: ManualClock } {
  const clock = new ManualClock();
  const auth = createAuth({
    name: "acme",
    version: "1.0.0",
    issuer: at.saas.url,
    clientId: "cli_native",
    identity: { source: "gitlab", scope: "api.read" },
    env: { ACME_ID_TOKEN: at.platform.token(at.saas.url) },
    clock,
  });
  return { auth, clock };
}

test("FR-024 one exchange serves all callers of a process, and another follows shortly before the token expires", async (t) => {
  const at = await trusting(t);
  const { auth, clock } = program(at);
  const tokens = await Promise.all(Array.from({ length: 100 }, () => auth.getToken()));
  assert.equal(new Set(tokens.map(({ token }) => token)).size, 1);
  assert.equal(at.saas.counters.exchanges, 1);
  clock.pass(3_600_000 - 61_000);
  await auth.getToken();
  assert.equal(at.saas.counters.exchanges, 1);
  clock.pass(2_000);
  const next = await Promise.all([auth.getToken(), auth.getToken()]);
  assert.equal(at.saas.counters.exchanges, 2);
  assert.notEqual(next[0].token, tokens[0]?.token);
  assert.equal(next[0].token, next[1].token);
});

test("a token that the service refuses leads to one exchange for all callers, and to one replay of each request", async (t) => {
  const at = await trusting(t);
  const { auth } = program(at);
  await auth.getToken();
  at.saas.expireAccessTokens();
  const answers = await Promise.all(Array.from({ length: 8 }, () => auth.fetch("/api/v1/me")));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  assert.equal(at.saas.counters.exchanges, 2);
  const session = [...at.saas.sessions.values()].at(-1);
  at.saas.revoke(session?.id ?? "");
  assert.equal((await auth.fetch("/api/v1/me")).status, 200);
  assert.equal(at.saas.counters.exchanges, 3);
});

test("S-004 a token that is still good is used while the issuer is down, and a failure that may pass is waited out", async (t) => {
  const at = await trusting(t);
  const { auth, clock } = program(at);
  at.saas.faults.next("/oauth/token", { status: 503, times: 2 });
  const { token } = await auth.getToken();
  assert.equal(clock.sleeps.length, 2);
  clock.pass(3_600_000 - clock.elapsed - 30_000);
  at.saas.faults.always("/oauth/token", { status: 503 });
  assert.equal((await auth.getToken()).token, token);
  clock.pass(60_000);
  await assert.rejects(auth.getToken(), { code: "service_unavailable" });
});

test("an error names the side that refused, and what it compared", async (t) => {
  const at = await trusting(t);
  const job = await gitHubActions(t, at.platform);
  const identity = (source: string, more: Record<string, string> = {}): Record<string, string> => ({
    SPEC_KITTY_IDENTITY: source,
    ...more,
  });
  const said = async (env: Record<string, string>): Promise<[number | null, string]> => {
    // Waits take no time; transient failures are retried.
    const { code, stderr } = await at.here("auth token", env, { clock: new ManualClock() });
    return [code, stderr];
  };
  const refusals: [Record<string, string>, number, RegExp][] = [
    [
      identity("github-actions"),
      2,
      /^error: GitHub Actions gave no identity token: ACTIONS_ID_TOKEN_REQUEST_URL is not set\nhint: .*id-token: write/,
    ],
    [identity("gitlab"), 2, /^error: GitLab gave no identity token: SPEC_KITTY_ID_TOKEN is not set\n/],
    [
      identity("kubernetes:/nowhere/token"),
      2,
      /^error: Kubernetes gave no identity token: cannot read "\/nowhere\/token" \(ENOENT\)\n/,
    ],
    [identity("command:/bin/false"), 2, /^error: "\/bin\/false" gave no identity token: it ended with 1\n/],
    [
      identity("command:/nowhere/program"),
      2,
      /^error: "\/nowhere\/program" gave no identity token: it did not start \(ENOENT\)\n/,
    ],
    [identity("command:program"), 2, /^error: SPEC_KITTY_IDENTITY is "command:program", not a source/],
    [identity("jenkins"), 2, /^error: SPEC_KITTY_IDENTITY is "jenkins", .*\nhint: .*github-actions/],
    [
      identity("gitlab", { SPEC_KITTY_ID_TOKEN: "secret" }),
      2,
      /^error: GitLab gave no identity token: its value is not a JWT\n/,
    ],
  ];
  for (const [env, code, pattern] of refusals) {
    const [found, stderr] = await said(env);
    assert.equal(found, code, stderr);
    assert.match(stderr, pattern);
  }
  assert.equal(at.saas.requests.filter(({ path }) => path === "/oauth/token").length, 0);

  job.status = 500;
  const unavailable = await said({ ...job.env, ...identity("github-actions") });
  assert.equal(unavailable[0], 3);
  assert.match(
    unavailable[1],
    /^error: GitHub Actions gave no identity token: "http:\/\/127[^"]*idtoken\/job" returned 500\n/,
  );

  const other = signer("https://other.example");
  const refused = await said(
    identity("gitlab", { SPEC_KITTY_ID_TOKEN: other.token(at.saas.url, { sub: "project:7" }) }),
  );
  assert.equal(refused[0], 1);
  assert.ok(
    refused[1].startsWith(
      `error: "${at.saas.url}" rejected the identity of GitLab (iss "https://other.example", sub "project:7", aud "${at.saas.url}"): `,
    ),
    refused[1],
  );
  assert.match(refused[1], /invalid_grant.*the signature is not that of the platform/);
  assert.match(refused[1], /\nhint: Make the issuer trust/);

  at.saas.options.identity = null;
  for (const [used, other] of [
    ["token-exchange", "jwt-bearer"],
    ["jwt-bearer", "token-exchange"],
  ] as const) {
    const token = { SPEC_KITTY_ID_TOKEN: at.platform.token(at.saas.url) };
    const [, stderr] = await said(identity("gitlab", { ...token, SPEC_KITTY_IDENTITY_GRANT: used }));
    assert.match(
      stderr,
      new RegExp(`unsupported_grant_type.*\nhint: Try the other grant: .*IDENTITY_GRANT=${other}\n$`),
    );
  }
});

test("S-005 neither the identity token nor the access token nor GitHub's request token is in any message, whatever fails", async (t) => {
  const at = await trusting(t);
  const job = await gitHubActions(t, at.platform);
  const env = { ...job.env, SPEC_KITTY_IDENTITY: "github-actions" };
  let sent = "";
  at.saas.options.identity = (jwt) => {
    sent = jwt;
    return { refused: `${jwt} and ${job.env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]}` };
  };
  const refused = await at.here("auth token --debug --verbose", env);
  at.saas.options.identity = () => "alice";
  const worked = await at.here("api /api/v1/me --debug --verbose", env);
  assert.deepEqual([refused.code, worked.code], [1, 0]);
  const said = refused.stdout + refused.stderr + worked.stdout + worked.stderr;
  const secrets = [sent, job.env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] ?? "", ...at.saas.issued.keys()];
  for (const secret of secrets) assert.ok(!said.includes(secret), at.saas.issued.get(secret));
  assert.ok(sent.length > 100);
});

test("status, whoami, refresh and login say that an identity is used, and what belongs to a stored login stays", async (t) => {
  const at = await trusting(t);
  await at.here("auth login");
  const before = filesUnder(at.config);
  const env = { SPEC_KITTY_IDENTITY: "gitlab", SPEC_KITTY_ID_TOKEN: at.platform.token(at.saas.url) };
  const status = await at.here("auth status", env);
  assert.match(status.stdout, /^✓ Using the identity named by SPEC_KITTY_IDENTITY\n/);
  assert.equal(at.saas.counters.exchanges, 0);
  const checked = JSON.parse((await at.here("auth status --check --json", env)).stdout) as Record<string, unknown>;
  assert.deepEqual([checked["authenticated"], checked["tokenSource"]], [true, "SPEC_KITTY_IDENTITY"]);
  assert.deepEqual((checked["user"] as { email: string }).email, "alice@example.com");
  const refresh = await at.here("auth refresh", env);
  assert.equal(refresh.code, 2);
  assert.match(refresh.stderr, /^error: SPEC_KITTY_IDENTITY is set, and each command gets a new token\n/);
  const token = JSON.parse((await at.here("auth token --json", env)).stdout) as Record<string, unknown>;
  assert.equal(token["source"], "SPEC_KITTY_IDENTITY");
  assert.ok(Date.parse(String(token["expiresAt"])) > Date.now());
  assert.deepEqual(filesUnder(at.config), before);
  assert.equal((await at.here("auth whoami")).stdout, "alice@example.com\n");
});

test("events, artifacts and the tracker go with the exchanged token, and an event waits for the account that emitted it", async (t) => {
  const at = await trusting(t);
  const env = { SPEC_KITTY_IDENTITY: "gitlab", SPEC_KITTY_ID_TOKEN: at.platform.token(at.saas.url) };
  const emitted = await at.here(
    'sync emit ErrorLogged --aggregate b1 --payload {"error_type":"auth","error_message":"x"}',
    env,
  );
  assert.equal(emitted.code, 0, emitted.stderr);
  at.saas.options.identity = () => "bob";
  await at.here("sync now", env);
  assert.equal(at.saas.events.size, 0, "the next job is another user");
  at.saas.options.identity = () => "alice";
  const sent = await at.here("sync now", env);
  assert.equal(sent.code, 0, sent.stderr);
  assert.equal(at.saas.events.size, 1);
  const tracker = await at.here("tracker status --provider github --project p", env);
  assert.equal(tracker.code, 0, tracker.stderr);
});
