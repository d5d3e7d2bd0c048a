import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, lstatSync, openSync, readFileSync, symlinkSync, watch, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { approve } from "../fake-saas/user.ts";
import { bin, runCommand, scratchFolder, startCommand } from "../helpers/command.ts";
import { scene } from "../helpers/scene.ts";

for (const [what, token] of [
  ["a line break inside", "at_hidden\rrest"],
  ["a second line", "at_hidden\nquit=1"],
  ["a letter that no header takes", "at_hidden✓"],
  ["a blank", "Bearer at_hidden"],
] as const) {
  test(`S-005 a token in the environment with ${what} is refused before it is used, and is in no message`, async (t) => {
    const { saas, run, env } = await scene(t, {}, { SPEC_KITTY_ACCESS_TOKEN: token });
    for (const args of ["api GET /api/v1/me --debug", "auth status --check", "auth token", "auth git-credential get"]) {
      const { code, stdout, stderr } = await run(args, env);
      assert.deepEqual([code, stdout], [2, ""], args);
      assert.match(stderr, /^error: SPEC_KITTY_ACCESS_TOKEN does not hold an access token[^\n]*\nhint: [^\n]+\n/);
      assert.ok(!stderr.includes("at_hidden"), stderr);
    }
    assert.equal(saas.requests.length, 0);
  });
}

test("a token in the environment with a line break at its end, as a file has one, is taken without it", async (t) => {
  const { saas, run } = await scene(t);
  const { access_token } = saas.issue({ user: "bob" });
  assert.equal((await run("auth whoami", { SPEC_KITTY_ACCESS_TOKEN: `${access_token}\r\n` })).stdout, "bob@example.com\n");
});

test("an answer that cannot be written is a failure of one line, and the work is done to its end", { skip: !existsSync("/dev/full") && "no /dev/full here" }, async (t) => {
  const { run, env } = await scene(t);
  await run("auth login");
  for (const args of [["auth", "status"], ["auth", "token"], ["--version"], ["--help"], ["auth", "logout"]]) {
    const child = spawn(process.execPath, [bin, ...args], { env, stdio: ["ignore", openSync("/dev/full", "w"), "pipe"] });
    const [stderr, [status]] = await Promise.all([text(child.stderr as Readable), once(child, "exit")]);
    assert.deepEqual([status, stderr], [1, "error: the output could not be written (ENOSPC)\nhint: Free some space, or redirect the output to another place\n"], args.join(" "));
  }
  assert.equal((await run("auth status")).code, 4);
});

test("an address that is not the service's, and an invalid header, are wrong usage of api, and nothing is sent", async (t) => {
  const { saas, env } = await scene(t);
  await runCommand(t, ["auth", "login"], env);
  const before = saas.requests.length;
  for (const address of ["https:evil", "https://evil.invalid/api/v1/me", "//evil.invalid/", "/\\evil.invalid", `${saas.url}@evil.invalid/`, "file:///etc/passwd", "data:text/plain,hi"]) {
    const { code, stdout, stderr } = await runCommand(t, ["api", "GET", address], env);
    assert.deepEqual([code, stdout], [2, ""], address);
    assert.match(stderr, /^error: [^\n]* is not on the service|leaves the service[^\n]*\nhint: Give a path on [^\n]+\n$/);
  }
  for (const value of ["hidden\nX-Other: 1", "hidden✓"]) {
    const { code, stderr } = await runCommand(t, ["api", "GET", "/api/v1/me", "-H", `X-Key: ${value}`], env);
    assert.deepEqual([code, stderr], [2, 'error: the value of the header "X-Key" cannot be sent\nhint: Use a single line of Latin-1 characters\n']);
  }
  assert.equal(saas.requests.length, before);
});

test("a command without its group, and help in front of a command, find the command", async (t) => {
  const { run } = await scene(t);
  assert.match((await run("login")).stderr, /^error: "login" is not a command of spec-kitty\nhint: Did you mean: spec-kitty auth login\? /);
  for (const words of ["", " auth", " auth login"]) assert.equal((await run(`help${words}`)).stdout, (await run(`${words} --help`.trim())).stdout);
});

test("an issuer that is as long as a book is an error of one line that can be read", async (t) => {
  const { saas, run } = await scene(t);
  saas.faults.next("/.well-known/oauth-authorization-server", { body: { issuer: "x".repeat(900_000) } });
  const { code, stderr } = await run("auth login");
  assert.equal(code, 1);
  assert.match(stderr, /^error: the metadata of "[^"]+" names the issuer [^\n]+\nhint: Check the address of the issuer\n$/);
  assert.ok(stderr.length < 1_000, `${stderr.length} characters`);
});

for (const [path, member, args] of [
  ["/oauth/token", "scope", "auth login"],
  ["/api/v1/tracker/status/", "connected", "tracker status --provider github --project p"],
  ["/api/v1/tracker/status/", "connected", "tracker status --provider github --project p --json"],
] as const) {
  test(`S-014 an answer whose "${member}" is nested without an end is an error of the service in "${args}"`, async (t) => {
    const { saas, run } = await scene(t);
    if (args !== "auth login") await run("auth login");
    saas.faults.always(path, { body: `{"${member}":${"[".repeat(400_000)}${"]".repeat(400_000)}}` });
    const { code, stdout, stderr } = await run(args);
    assert.deepEqual([code, stdout.includes("[[")], [1, false]);
    assert.match(stderr, /^error: [^\n]*JSON object[^\n]*\nhint: [^\n]+\n$/m);
    assert.doesNotMatch(stderr, /bug/);
  });
}

test("an error that is as long as a book is cut", async (t) => {
  const { saas, run } = await scene(t);
  saas.faults.next("/oauth/token", { status: 400, body: { error: "x".repeat(400_000), error_description: "y".repeat(400_000) } });
  const { code, stderr } = await run("auth login");
  assert.equal(code, 1);
  assert.ok(stderr.length < 2_000, `${stderr.length} characters`);
});

test("a team whose id no header can have is left out, since no request could name it", async (t) => {
  const { saas, run } = await scene(t);
  const teams = [{ id: "a\r\nX-Other: 1", name: "A" }, { id: "tm_ok", name: "B" }, { id: "köln✓", name: "C" }];
  saas.faults.next("/api/v1/me", { edit: (answer) => ({ ...answer, teams }) });
  await run("auth login");
  assert.deepEqual((JSON.parse((await run("auth status --json")).stdout) as { teams: unknown }).teams, [{ id: "tm_ok", name: "B" }]);
});

test("a report damages no other file: no link is followed to write it, and what is not a file stays what it is", { skip: process.platform === "win32" && "links need a right there" }, async (t) => {
  const { run, folder } = await scene(t);
  await run("auth login");
  const [report, precious] = [join(folder, "report.json"), join(folder, "precious")];
  writeFileSync(precious, "precious");
  symlinkSync(precious, `${report}.tmp`);
  assert.equal((await run(`sync now --report ${report}`)).code, 0);
  assert.deepEqual(JSON.parse(readFileSync(report, "utf8")), { rejections: [] });
  assert.equal(readFileSync(precious, "utf8"), "precious");
  // Through a link of this test's own: what went wrong here once, run by root, left the machine without its /dev/null.
  const nowhere = join(folder, "null");
  symlinkSync("/dev/null", nowhere);
  assert.equal((await run(`sync now --report ${nowhere}`)).code, 0);
  assert.ok(lstatSync(nowhere).isSymbolicLink());
  const { code, stderr } = await run(`sync now --report ${folder}/no/report.json`);
  assert.equal(code, 2);
  assert.match(stderr, /^error: --report: cannot write "[^\n]+" \(ENOENT\)\nhint: [^\n]+\n$/m);
});

/** A browser that only writes down what it was started with, as anybody reads it in the process list. */
function recordingBrowser(folder: string): { program: string; address: () => Promise<string> } {
  const program = join(folder, "browser.js");
  const record = join(folder, "started-with");
  writeFileSync(program, `#!${process.execPath}\nrequire("fs").writeFileSync(${JSON.stringify(`${record}.part`)}, process.argv[2]); require("fs").renameSync(${JSON.stringify(`${record}.part`)}, ${JSON.stringify(record)});\n`, { mode: 0o755 });
  const address = async (): Promise<string> => {
    const there = watch(folder);
    try {
      while (!existsSync(record)) await once(there, "change");
      return readFileSync(record, "utf8");
    } finally {
      there.close();
    }
  };
  return { program, address };
}

/** Opens an address as a browser of its own does, and approves as Bob. Returns where the service leads back to, and the cookie. */
async function takeOver(address: string): Promise<{ callback: string; cookie: string }> {
  const first = await fetch(address, { redirect: "manual" });
  const cookie = first.headers.getSetCookie().map((line) => line.split(";")[0]).join("; ");
  const { callback } = await approve(first.headers.get("location") ?? "", { as: "bob", follow: false });
  return { callback: callback ?? "", cookie };
}

test("S-009 another user who opens the address from the process list first ends the login, and cannot take it over", async (t) => {
  const { saas, env } = await scene(t);
  const { program, address } = recordingBrowser(scratchFolder(t));
  const running = startCommand(t, ["auth", "login"], { ...env, BROWSER: program });
  const oneTime = await address();
  assert.doesNotMatch(oneTime, /state=/);
  const { callback } = await takeOver(oneTime);
  // The user's own browser is the second to open it.
  assert.equal((await fetch(oneTime, { redirect: "manual" })).headers.get("location"), "/already-used");
  const { code, stderr } = await running.ended;
  assert.equal(code, 5);
  assert.match(stderr, /\nerror: the address for the browser was opened twice[^\n]*\nhint: Nothing was changed\. Try again: spec-kitty auth login/);
  await assert.rejects(fetch(callback));
  assert.equal(saas.count("/oauth/token"), 0, "no code was redeemed");
});

test("S-009 another user who opens the address from the process list later cannot complete the login", async (t) => {
  const { saas, env } = await scene(t);
  const { program, address } = recordingBrowser(scratchFolder(t));
  const running = startCommand(t, ["auth", "login"], { ...env, BROWSER: program });
  const own = await fetch(await address(), { redirect: "manual" });
  const cookie = own.headers.getSetCookie().map((line) => line.split(";")[0]).join("; ");
  // Even with the authorization address, which only the user's terminal shows.
  const { callback = "" } = await approve(own.headers.get("location") ?? "", { as: "bob", follow: false });
  const refused = await fetch(callback);
  assert.deepEqual([refused.status, new URL(refused.url).pathname], [403, "/another-browser"]);
  assert.equal(saas.count("/oauth/token"), 0);
  const alice = await approve(own.headers.get("location") ?? "", { as: "alice", follow: false });
  assert.equal((await fetch(alice.callback ?? "", { headers: { cookie } })).status, 200);
  assert.match((await running.ended).stdout, /Logged in as alice@example\.com/);
});
