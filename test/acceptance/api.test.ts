import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { bin, runCommand } from "../helpers/command.ts";
import { loggedInScene } from "../helpers/queue.ts";
import { rawService, scene } from "../helpers/scene.ts";
import { storedSession } from "../helpers/stored-session.ts";

const echo = "/api/v1/echo";

interface Echo {
  method: string;
  headers: Record<string, string>;
  body: string;
}

test("FR-017 api sends the token and prints the body of the response, and nothing else", async (t) => {
  const { run, saas, env } = await loggedInScene(t);
  const { code, stdout, stderr } = await run("api GET /api/v1/me");
  assert.deepEqual([code, stderr], [0, ""]);
  assert.equal((JSON.parse(stdout) as { email: string }).email, "alice@example.com");
  const token = (await storedSession(env))?.accessToken.reveal();
  assert.equal(saas.requests.at(-1)?.headers.authorization, `Bearer ${token}`);
});

test("a body comes from the command line, a file or standard input, with the headers that were given", async (t) => {
  const { env, folder } = await loggedInScene(t);
  const file = join(folder, "body.json");
  writeFileSync(file, '{"from":"file"}');
  const send = async (data: string, input = ""): Promise<Echo> => {
    const { code, stdout, stderr } = await runCommand(t, ["api", "post", echo, "-d", data, "-H", "X-One: 1", "-H", "x-two:  2 and 3"], env, { input });
    assert.deepEqual([code, stderr], [0, ""]);
    return JSON.parse(stdout) as Echo;
  };
  assert.equal((await send('{"from":"line"}')).body, '{"from":"line"}');
  assert.equal((await send(`@${file}`)).body, '{"from":"file"}');
  const { method, headers, body } = await send("-", '{"from":"input","ü":1}');
  assert.deepEqual([method, body], ["POST", '{"from":"input","ü":1}']);
  assert.deepEqual([headers["content-type"], headers["x-one"], headers["x-two"]], ["application/json", "1", "2 and 3"]);
});

test("--include prints status and headers before the body", async (t) => {
  const { run } = await loggedInScene(t);
  const { code, stdout } = await run("api GET /api/v1/me --include");
  assert.equal(code, 0);
  assert.match(stdout, /^HTTP 200 OK\n(?:[\w-]+: .*\n)*content-type: application\/json\n(?:[\w-]+: .*\n)*\n\{"user_id":"u_alice"/);
});

test("a status of 400 or more is exit code 1, with the body on stdout and the status on stderr", async (t) => {
  const { run, saas } = await loggedInScene(t);
  saas.faults.next(echo, { status: 404, body: { error: "not_here" } });
  const { code, stdout, stderr } = await run(`api GET ${echo}`);
  assert.deepEqual([code, stdout, stderr], [1, '{"error":"not_here"}', "HTTP 404 Not Found\n"]);
});

test("FR-011 a 401 leads to one refresh and one replay, body included", async (t) => {
  const { run, saas } = await loggedInScene(t);
  saas.expireAccessTokens();
  const { code, stdout } = await run(`api POST ${echo} -d {"a":1}`);
  assert.equal(code, 0);
  assert.equal((JSON.parse(stdout) as Echo).body, '{"a":1}');
  assert.equal(saas.counters.refreshes, 1);
  assert.deepEqual(saas.requests.filter(({ path }) => path === echo).map(({ status }) => status), [401, 200]);
});

test("FR-012 a session that has ended is exit code 4, with the command to run", async (t) => {
  const { run, saas } = await loggedInScene(t);
  for (const id of saas.sessions.keys()) saas.revoke(id);
  const { code, stdout, stderr } = await run("api GET /api/v1/me");
  assert.deepEqual([code, stdout], [4, ""]);
  assert.match(stderr, /^error: .*\nhint: .*spec-kitty auth login/);
});

test("a token from the environment is used as is, without a login, and is not refreshed", async (t) => {
  const { run, saas } = await scene(t);
  const bob = { SPEC_KITTY_ACCESS_TOKEN: saas.issue({ user: "bob" }).access_token };
  assert.match((await run("api GET /api/v1/me", bob)).stdout, /bob@example\.com/);
  saas.expireAccessTokens();
  const { code, stdout } = await run("api GET /api/v1/me", bob);
  assert.deepEqual([code, stdout], [1, '{"error":"access_token_expired"}']);
  assert.equal(saas.counters.refreshes, 0);
});

test("S-001 no other address gets the token, however it is written", async (t) => {
  const at = await loggedInScene(t);
  const other = await scene(t);
  const stranger = new URL(other.saas.url).host;
  for (const path of [`${other.saas.url}/api/v1/me`, `//${stranger}/api/v1/me`, `@${stranger}/api/v1/me`]) await at.run(`api GET ${path}`);
  assert.ok(other.saas.requests.every(({ headers }) => headers.authorization === undefined));
});

const wrong: [args: string[], message: RegExp][] = [
  [["api", "FETCH", "/x"], /^error: "FETCH" is not an HTTP method\n/],
  [["api", "GET", "/x", "-d", "{}"], /^error: GET takes no body\n/],
  [["api", "GET", "/x", "-H", "nonsense"], /^error: "nonsense" is not a header\n/],
  [["api", "GET", "/x", "-H", "Authorization: Bearer x"], /^error: the header "Authorization" is set by the command itself\n/],
  [["api", "POST", "/x", "-d", "{}", "-H", "Transfer-Encoding: chunked"], /^error: the header "Transfer-Encoding" cannot be chosen: /],
  [["api", "POST", "/x", "-d", "{}", "-H", "Content-Length: 7"], /^error: the header "Content-Length" cannot be chosen: /],
  [["api", "POST", "/x", "-d", "@/nowhere"], /^error: --data: cannot read "\/nowhere" \(ENOENT\)\n/],
  [["api", "GET"], /^error: /],
];
test("wrong usage is exit code 2, and sends nothing", async (t) => {
  const { env, saas } = await loggedInScene(t);
  for (const [args, message] of wrong) {
    const { code, stderr } = await runCommand(t, args, env);
    assert.equal(code, 2, args.join(" "));
    assert.match(stderr, message);
    assert.match(stderr, /\nhint: /);
  }
  assert.equal(saas.requests.length, 0);
});

test("a binary body is sent and received byte for byte", async (t) => {
  const { env, saas, folder } = await loggedInScene(t);
  const bytes = Buffer.from([0xff, 0xfe, 0x00, 0x80, 0xef, 0xbb, 0xbf, 0x0a]);
  const [sent, received] = [join(folder, "sent.bin"), join(folder, "received.bin")];
  writeFileSync(sent, bytes);
  for (const [data, input] of [[`@${sent}`, "ignore"], ["-", openSync(sent, "r")]] as const) {
    saas.faults.next(echo, { body: bytes });
    const child = spawn(process.execPath, [bin, "api", "PUT", echo, "-d", data, "-H", "Content-Type: application/octet-stream"], { env, stdio: [input, openSync(received, "w"), "ignore"] });
    assert.deepEqual(await once(child, "close"), [0, null]);
    assert.deepEqual(saas.requests.at(-1)?.bytes, bytes);
    assert.deepEqual(readFileSync(received), bytes);
  }
});

test("a response that breaks off is exit 3, and nothing of it is printed", async (t) => {
  const { run } = await scene(t);
  const half = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf";
  const service = await rawService(t, (socket) => socket.end(half));
  const { code, stdout, stderr } = await run("api GET /x", { SPEC_KITTY_SAAS_URL: service, SPEC_KITTY_ACCESS_TOKEN: "at_given" });
  assert.deepEqual([code, stdout], [3, ""]);
  assert.match(stderr, /^error: cannot reach ".*\/x" \(\w+\)\nhint: .*try again\n$/);
});
