import assert from "node:assert/strict";
import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { approve } from "../fake-saas/user.ts";
import { runCommand, startCommand } from "../helpers/command.ts";
import { runHere } from "../helpers/command-here.ts";
import { noTerminal, startOnTerminal } from "../helpers/pseudo-terminal.ts";
import { provided } from "../helpers/provided.ts";
import { filesUnder, freePort, hurried, scene } from "../helpers/scene.ts";
import { signIn, storedSession } from "../helpers/stored-session.ts";

const success = "✓ Logged in as alice@example.com (Acme Corp). Access token valid for 1 hour.\n";
const address = /http:\/\/127\.0\.0\.1:\d+\S*\/oauth\/authorize\?\S+/;

test("FR-001 C-005 NFR-007 one command logs in through the browser, without a question", async (t) => {
  const { saas, config, folder, run } = await scene(t);
  const { code, stdout, stderr } = await run("auth login");
  assert.equal(stdout, success);
  assert.equal(code, 0, stderr);
  assert.equal(saas.counters.logins, 1);

  const asked = saas.requests.find(({ method, path }) => method === "GET" && path === "/oauth/authorize");
  const query = asked?.query ?? new URLSearchParams();
  assert.equal(query.get("response_type"), "code");
  assert.equal(query.get("client_id"), "cli_native");
  assert.equal(query.get("scope"), "offline_access api.read api.write");
  assert.match(query.get("redirect_uri") ?? "", /^http:\/\/127\.0\.0\.1:(288(8[89]|9[0-8])|\d+)\/callback$/);
  assert.equal(query.get("code_challenge_method"), "S256");
  assert.deepEqual(
    saas.requests.map(({ method, path }) => `${method} ${path}`).filter((line) => !line.includes("well-known")),
    ["GET /oauth/authorize", "POST /oauth/authorize", "POST /oauth/token", "GET /api/v1/me"],
  );

  const stored = [...filesUnder(config).keys()];
  assert.deepEqual(
    stored.map((path) => path.replaceAll(/[0-9a-f]{8,}/g, "*")),
    ["keys", "sessions/*/*/*", "sessions/*/*/profile"],
  );
  assert.equal(lstatSync(config).mode & 0o777, 0o700);
  for (const path of stored) assert.equal(lstatSync(join(config, path)).mode & 0o777, 0o600);
  for (const [name, content] of filesUnder(folder)) {
    for (const secret of saas.issued.keys()) assert.ok(!content.includes(secret), `${name} holds a secret in the open`);
  }
});

test("FR-005 the login announces that it waits 5 minutes, gives up after them, and shows a late browser why", async (t) => {
  const { env, config } = await scene(t);
  const running = startCommand(t, ["auth", "login", "--no-browser"], env, { nodeArgs: hurried(300_000, 500) });
  await running.shows(/Waiting for the browser, 5 minutes at most/);
  const [, callback] = await running.shows(/redirect_uri=(\S+?)&/);
  assert.equal(running.stdout(), "");
  await delayUntilExpired(decodeURIComponent(callback ?? ""));
  const { code, stderr } = await running.ended;
  assert.equal(code, 6);
  assert.match(stderr, /^error: the login in the browser timed out after 300 seconds$/m);
  assert.match(stderr, /^hint: .*spec-kitty auth login --timeout 600.*--headless$/m);
  assert.deepEqual(filesUnder(config).size, 0);

  /** Requests the page of an expired login until it is there. */
  async function delayUntilExpired(uri: string): Promise<void> {
    for (;;) {
      const answer = await fetch(new URL("/done", uri)).catch(() => undefined);
      if (answer === undefined) return assert.fail("the port closed before a late browser could be told");
      const page = await answer.text();
      if (answer.status === 410) return assert.match(page, /This login has timed out/);
    }
  }
});

test("--timeout limits a login without a response: the wait for a late browser is a hundredth of it", async (t) => {
  const { env } = await scene(t);
  // Ten seconds limit a service's response, and the service is as fast as ever.
  const timers = `const timer = globalThis.setTimeout; globalThis.setTimeout = (run, ms, ...rest) => (process.stderr.write("timer " + ms + "\\n"), timer(run, ms === 10_000 ? ms : ms / 50, ...rest));`;
  const { code, stderr } = await runCommand(t, ["auth", "login", "--no-browser", "--timeout", "5"], env, {
    nodeArgs: ["--import", `data:text/javascript,${encodeURIComponent(timers)}`],
  });
  assert.equal(code, 6);
  // Earlier timers are of locks.
  const wait = stderr.slice(stderr.indexOf("timer 5000"));
  assert.deepEqual(wait.match(/^timer (5000|3000|50)$/gm), ["timer 5000", "timer 50"]);
});

test("FR-015 NFR-012 status shows user, team, expiry and where the session is stored, for people and programs", async (t) => {
  const { saas, env, run, here, config } = await scene(t, { privateTeamspace: true });
  await signIn(saas, env);
  const said = await run("auth status");
  assert.equal(said.code, 0);
  assert.equal(said.stderr, "");
  for (const line of [
    /^✓ Logged in as alice@example\.com \(Alice's space\)$/m,
    /^ {2}User +alice@example\.com, Alice$/m,
    /^ {2}Default team +Alice's space \(tm_alice\)$/m,
    /^ {2}Teams +Acme Corp \(admin\), Alice's space \(owner\)$/m,
    /^ {2}Access token +59 min, until \d{4}-/m,
    /^ {2}Refresh token +89 days, until \d{4}-/m,
    new RegExp(`^ {2}Storage +encrypted files in ${config} \\(machine key\\)$`, "m"),
    /^ {2}Session +ses_/m,
    /^ {2}Refreshed +\d{4}-/m,
    new RegExp(`^ {2}Service +${saas.url} \\(not checked; see --check\\)$`, "m"),
    /^ {2}Profile +default \(active\)$/m,
  ]) {
    assert.match(said.stdout, line);
  }
  const asJson = JSON.parse((await here("auth status --json")).stdout) as Record<string, unknown>;
  assert.equal(asJson["authenticated"], true);
  assert.deepEqual(asJson["user"], { id: "u_alice", email: "alice@example.com", name: "Alice" });
  assert.deepEqual(asJson["team"], { id: "tm_alice", name: "Alice's space" });
  assert.deepEqual(asJson["storage"], { kind: "file", key: "machine", path: config });
  assert.equal((await here("auth whoami")).stdout, "alice@example.com\n");
});

test("status and whoami exit 4 when not logged in", async (t) => {
  const { run, here, folder } = await scene(t);
  const said = await run("auth status");
  assert.deepEqual(
    [said.code, said.stdout, said.stderr],
    [4, 'Not logged in (profile "default").\n', "hint: Run: spec-kitty auth login\n"],
  );
  const who = await here("auth whoami");
  assert.deepEqual([who.code, who.stdout], [4, ""]);
  assert.match(who.stderr, /^error: not logged in \(profile "default"\)\nhint: Run: spec-kitty auth login\n$/);
  assert.equal(
    (JSON.parse((await here("auth status --json")).stdout) as { authenticated: boolean }).authenticated,
    false,
  );
  assert.equal(filesUnder(join(folder, "config")).size, 0);
});

test("NFR-001 from the callback to the stored session a browser login sends two requests and waits for no timer", async (t) => {
  const { saas, env } = await scene(t);
  const running = startCommand(t, ["auth", "login", "--no-browser"], env, { nodeArgs: ["--import", slowTimers] });
  const [link] = await running.shows(address);
  await approve(link);
  assert.equal((await running.ended).stdout, success);
  const approved = saas.requests.findIndex(({ method, path }) => method === "POST" && path === "/oauth/authorize");
  assert.deepEqual(
    saas.requests.slice(approved + 1).map(({ method, path }) => `${method} ${path}`),
    ["POST /oauth/token", "GET /api/v1/me"],
  );
});

/** Makes every wait take a minute longer: what depends on a timer is late. */
const slowTimers = `data:text/javascript,${encodeURIComponent("const timer = globalThis.setTimeout; globalThis.setTimeout = (run, ms, ...rest) => timer(run, ms + 60_000, ...rest);")}`;

test("a second login asks the service whether the first is still good, and logs in where it was ended elsewhere", async (t) => {
  const { saas, env, here } = await scene(t);
  await signIn(saas, env);
  const again = await here("auth login");
  assert.deepEqual(
    [again.code, again.stdout],
    [0, "✓ Already logged in as alice@example.com (Acme Corp). To log in again: spec-kitty auth login --force\n"],
  );
  assert.deepEqual(
    saas.requests.map(({ method, path }) => `${method} ${path}`),
    ["GET /api/v1/me"],
  );
  const lent = await here("auth login", { SPEC_KITTY_ACCESS_TOKEN: "given" });
  assert.match(lent.stderr, /^warning: SPEC_KITTY_ACCESS_TOKEN is set, and takes precedence over this login/);
  const forced = await here("auth login --force", { FAKE_SAAS_USER: "bob" });
  assert.equal(forced.stdout, "✓ Logged in as bob@example.com (Bolt Ltd). Access token valid for 1 hour.\n");
  assert.equal((await storedSession(env))?.user.email, "bob@example.com");

  for (const id of saas.sessions.keys()) saas.revoke(id);
  const ended = await here("auth login", { FAKE_SAAS_USER: "bob" });
  assert.match(
    ended.stderr,
    /^Session expired or revoked: the issuer ended the session of bob@example\.com \(noticed by "auth login"/,
  );
  assert.match(ended.stdout, /^✓ Logged in as bob@example\.com/);
  await saas.stop();
  const offline = await here("auth login");
  assert.match(offline.stderr, /^warning: cannot check the session: cannot reach /);
  assert.match(offline.stdout, /^✓ Already logged in as bob@example\.com/);
});

test("FR-003 --port uses that port and no other, and without it a free one is found", async (t) => {
  const { saas, here, env } = await scene(t);
  const port = await freePort();
  assert.equal((await here(`auth login --port ${port}`)).code, 0);
  const asked = saas.requests.find(({ path }) => path === "/oauth/authorize");
  assert.equal(asked?.query.get("redirect_uri"), `http://127.0.0.1:${port}/callback`);

  const atOnce = await Promise.all([
    here("auth login --profile one"),
    here("auth login --profile two", { FAKE_SAAS_USER: "bob" }),
  ]);
  assert.deepEqual([atOnce[0].code, atOnce[1].code], [0, 0]);
  assert.equal((await storedSession(env, "one"))?.user.email, "alice@example.com");
  assert.equal((await storedSession(env, "two"))?.user.email, "bob@example.com");
});

test("FR-007 without a keychain the encrypted file needs consent: without it, no browser is opened", async (t) => {
  const { saas, run, here, folder } = await scene(t, {}, { SPEC_KITTY_STORAGE: undefined });
  const { code, stdout, stderr } = await run("auth login");
  assert.deepEqual([code, stdout], [2, ""]);
  assert.match(stderr, /^error: the session needs an encrypted file, and this command cannot ask here: .+$/m);
  assert.match(stderr, /^hint: Accept it: export SPEC_KITTY_STORAGE=file, or spec-kitty auth login --storage file$/m);
  assert.equal(saas.requests.length, 0);
  assert.equal(filesUnder(join(folder, "config")).size, 0);
  assert.equal((await here("auth login --yes")).stdout, success);
  assert.match((await here("auth status")).stdout, /Storage +encrypted files in /);
  // Once for each file.
  assert.equal((await here("auth login --force")).stdout, success);
});

test("FR-007 --storage file is consent to the encrypted file, without a terminal too", async (t) => {
  const { here } = await scene(t, {}, { SPEC_KITTY_STORAGE: undefined });
  assert.equal((await here("auth login --storage file")).stdout, success);
  assert.match((await here("auth status")).stdout, /Storage +encrypted files in /);
});

test("FR-006 --storage keychain without a keychain is an error and never the file, with --yes or without", async (t) => {
  const { saas, run, folder } = await scene(t);
  const { code, stderr } = await run("auth login --storage keychain --yes");
  assert.equal(code, 1);
  assert.match(stderr, /^error: .*(keychain|Secret Service)/m);
  assert.match(stderr, /^hint: .*--storage file/m);
  assert.equal(saas.requests.length, 0);
  assert.equal(filesUnder(join(folder, "config")).size, 0);
});

test("FR-007 SPEC_KITTY_PASSPHRASE seals the file, and without it the session cannot be opened", async (t) => {
  const { here, config } = await scene(t, {}, { SPEC_KITTY_PASSPHRASE: "correct horse" });
  await here("auth login");
  assert.match(
    (await here("auth status")).stdout,
    new RegExp(`Storage +encrypted files in ${config} \\(SPEC_KITTY_PASSPHRASE\\)`),
  );
  const missing = await here("auth status", { SPEC_KITTY_PASSPHRASE: undefined });
  assert.deepEqual([missing.code, missing.stdout], [1, ""]);
  assert.match(missing.stderr, /^error: the session needs a passphrase, and none is set$/m);
  const wrong = await here("auth status", { SPEC_KITTY_PASSPHRASE: "battery staple" });
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /the passphrase is wrong/);
  assert.ok(!wrong.stderr.includes("battery"));
});

test("FR-002 over SSH the login is with a code, and says why", async (t) => {
  const { saas, env } = await scene(
    t,
    { deviceIntervalSeconds: 1 },
    { BROWSER: undefined, SSH_CONNECTION: "10.0.0.1 4711 10.0.0.2 22" },
  );
  const running = startCommand(t, ["auth", "login"], env);
  await running.shows(/enter this code/);
  assert.match(running.stderr(), /^Logging in with a code, because no browser can be shown here: .*$/m);
  assert.equal(saas.count("/oauth/device"), 1);
  assert.equal(saas.count("/oauth/authorize"), 0);
  running.child.kill("SIGINT");
  assert.equal((await running.ended).code, 130);
});

test("FR-002 over SSH, at an issuer without device login, the URL is opened elsewhere and the last page's is pasted", {
  skip: noTerminal,
}, async (t) => {
  const { provider, env: own, session } = await provided(t);
  const env = { ...own, BROWSER: undefined, SSH_CONNECTION: "10.0.0.1 4711 10.0.0.2 22" };
  const args = ["auth", "login", "--issuer", provider.issuer, "--client-id", "cli_native", "--scope", "openid"];
  const running = startOnTerminal(t, args, env);
  await running.shows(
    /^Logging in with a browser elsewhere, because no browser can be shown here: .*, and "http:\S+"\s+has no device login\.$/m,
  );
  await running.shows(/^Open this URL in a browser:/m);
  const [link] = await running.shows(/http:\S+\/authorize\?\S+/);
  await running.shows(/paste its URL here/);
  const { headers } = await fetch(link, { redirect: "manual" });
  running.type(`${headers.get("location")}\n`);
  const { code, stdout } = await running.ended;
  assert.equal(code, 0, stdout);
  assert.equal((await session())?.authFlow, "authorization_code");
  const asked = await runHere([...args, "--headless", "--force"], env);
  assert.equal(asked.code, 2);
  assert.match(
    asked.stderr,
    /^error: "http:\S+" has no device login\nhint: Log in through a browser\. Run: spec-kitty auth login .*--no-browser/m,
  );
});

test("a browser that cannot be started is a warning, and the URL on the screen still works", async (t) => {
  const { env } = await scene(t, {}, { BROWSER: "/nowhere/browser" });
  const running = startCommand(t, ["auth", "login"], env);
  const [link] = await running.shows(address);
  await running.shows(/^warning: cannot open the browser \(\/nowhere\/browser: not found.*\): open the URL yourself$/m);
  await approve(link);
  assert.equal((await running.ended).stdout, success);
});

test("a URL that the terminal has cut off is not used, and the login still waits", {
  skip: noTerminal,
}, async (t) => {
  const { saas, env } = await scene(t);
  const running = startOnTerminal(t, ["auth", "login", "--no-browser"], env);
  const [link] = await running.shows(address);
  await running.shows(/paste its URL here/);
  const asked = new URL(link).searchParams;
  const callback = `${asked.get("redirect_uri")}?state=${asked.get("state")}`;
  running.type(`${callback}&code=${"a".repeat(5_000)}\n`);
  await running.shows(/too long for a line of this terminal: press Ctrl-C, run stty -icanon/);
  running.type(`${callback}&error=access_denied\n`);
  assert.equal((await running.ended).code, 5);
  assert.equal(saas.count("/oauth/token"), 0);
});

test("a long URL is a link where the terminal has links", { skip: noTerminal }, async (t) => {
  const { env } = await scene(t);
  const running = startOnTerminal(t, ["auth", "login", "--no-browser"], { ...env, VTE_VERSION: "7600" });
  await running.shows(/Waiting for the browser/);
  const [, target, text] = /\u001b\]8;;(\S+?)\u001b\\(\S+?)\u001b\]8;;\u001b\\/.exec(running.stdout()) ?? [];
  assert.equal(target, address.exec(running.stdout())?.[0].replace(/\u001b.*/, ""));
  assert.equal(text, target);
  running.type("\u0003");
  await running.ended;
});

test("if the browser cannot reach this machine, the pasted URL of the failed page completes the login", {
  skip: noTerminal,
}, async (t) => {
  const { saas, env } = await scene(t);
  const running = startOnTerminal(t, ["auth", "login", "--no-browser"], env);
  const [link] = await running.shows(address);
  await running.shows(/paste its URL here/);
  const { callback = "" } = await approve(link, { follow: false });
  const wrong = new URL(callback);
  wrong.searchParams.set("state", "guessed");
  running.type(`${wrong.href}\n`);
  await running.shows(/the pasted URL does not belong to this login: state wrong/);
  running.type("https://elsewhere.example/callback?code=1&state=2\n");
  await running.shows(/the pasted URL does not begin with/);
  assert.equal(saas.count("/oauth/token"), 0);
  running.type(`${callback}\n`);
  const { code, stdout } = await running.ended;
  assert.equal(code, 0);
  assert.match(stdout, /Logged in as alice@example\.com \(Acme Corp\)\. Access token valid for 1 hour\./);
  assert.equal((await storedSession(env))?.user.email, "alice@example.com");
});

test("FR-007 on a terminal a login prompts before the encrypted file, and a no stores nothing", {
  skip: noTerminal,
}, async (t) => {
  const { saas, env, folder, here } = await scene(t, {}, { SPEC_KITTY_STORAGE: undefined });
  const declined = startOnTerminal(t, ["auth", "login"], env);
  // One line, without D-Bus, which is for the doctor.
  await declined.shows(/^No OS keychain is available\. Keep the session in an encrypted file\? \[Y\/n\] $/);
  for (const slip of ["?", "yep"]) {
    declined.type(`${slip}\n`);
    await declined.shows(new RegExp(`\\${slip}\r\nAnswer y or n\\.\r\n.*\\[Y/n\\] $`.replace("\\yep", "yep")));
  }
  declined.type("n\n");
  assert.equal((await declined.ended).code, 2);
  assert.match(declined.stdout(), /not logged in: you declined the encrypted file/);
  assert.match(
    declined.stdout(),
    /no protection from your own programs\)\r\n.*hint:.* Accept the file: spec-kitty auth login --yes\. Or store nothing: spec-kitty auth login --storage memory/,
  );
  assert.equal(saas.requests.length, 0);
  assert.equal(filesUnder(join(folder, "config")).size, 0);

  const interrupted = startOnTerminal(t, ["auth", "login"], env);
  await interrupted.shows(/\[Y\/n\] /);
  interrupted.type("\u0003");
  assert.equal((await interrupted.ended).code, 130);
  const ended = startOnTerminal(t, ["auth", "login"], env);
  await ended.shows(/\[Y\/n\] /);
  ended.type("\u0004");
  assert.equal((await ended.ended).code, 2, "the end of input agrees to nothing");

  const agreed = startOnTerminal(t, ["auth", "login"], env);
  await agreed.shows(/\[Y\/n\] /);
  agreed.type("\n");
  assert.equal((await agreed.ended).code, 0, agreed.stdout());
  assert.match((await here("auth doctor")).stdout, /keychain +no OS keychain is available \(.+\); not in use/);
  assert.equal((await storedSession(env))?.user.email, "alice@example.com");
});

test("an option with an impossible value is refused before anything happens", async (t) => {
  const { saas, here, folder } = await scene(t);
  const { code, stdout, stderr } = await here("auth login --port 0");
  assert.deepEqual([code, stdout], [2, ""]);
  assert.match(stderr, /^error: --port is "0", not a whole number from 1 to 65535\nhint: \S/);
  assert.equal(saas.requests.length, 0);
  assert.deepEqual(readdirSync(folder), []);
});

test("a URL without a scheme is not guessed, and the hint has it in full", async (t) => {
  const { here, saas } = await scene(t);
  const { host } = new URL(saas.url);
  for (const [line, hint] of [
    ["auth login service.example", "Pass a URL: spec-kitty auth login https://service.example"],
    ["auth login service.example:8443/tenant", "Pass a URL: spec-kitty auth login https://service.example:8443/tenant"],
    [`auth login ${host}`, `Pass a URL: spec-kitty auth login http://${host}`],
    ["auth login --issuer login.acme.example", "Pass a URL: --issuer https://login.acme.example"],
    ["auth login nonsense", "Pass a URL: spec-kitty auth login https://login.example"],
  ] as const) {
    const { code, stderr } = await here(line);
    assert.deepEqual([code, stderr.split("\n").slice(1)], [2, [`hint: ${hint}`, ""]], line);
  }
  const variable = await here("auth login", { SPEC_KITTY_SAAS_URL: "service.example" });
  assert.match(variable.stderr, /^hint: .*SPEC_KITTY_SAAS_URL=https:\/\/service\.example$/m);
  assert.equal(saas.requests.length, 0);
});

test("a login that replaces one at another service, or of another user, says which one has ended", async (t) => {
  const [from, to] = [await scene(t), await scene(t)];
  await signIn(from.saas, from.env);
  const env = { SPEC_KITTY_SAAS_URL: to.saas.url };
  const { code, stderr } = await from.here("auth login --yes", env);
  assert.equal(code, 0);
  const ended = `The session of alice@example.com at ${from.saas.url} has ended: the new one replaces it.`;
  assert.ok(stderr.endsWith(`${ended}\n`), stderr);
  assert.equal(from.saas.counters.logouts, 1);
  const same = await from.here("auth login --force", env);
  assert.doesNotMatch(same.stderr, /has ended/);
  const other = await from.here("auth login --force", { ...env, FAKE_SAAS_USER: "bob" });
  assert.match(other.stderr, /^The session of alice@example\.com at .* has ended/m);
});

test("Ctrl-C in a question ends the line before the error", { skip: noTerminal }, async (t) => {
  const { env } = await scene(t, {}, { SPEC_KITTY_STORAGE: undefined });
  const command = startOnTerminal(t, ["auth", "login"], env);
  await command.shows(/\[Y\/n\] $/);
  command.type("\u0003");
  const { code, stdout } = await command.ended;
  assert.equal(code, 130);
  assert.match(stdout, /\[Y\/n\] \^C\r\n(?:.\[\d+m)?error:/);
});
