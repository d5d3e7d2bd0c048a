import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, lstatSync, openSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { approve } from "../fake-saas/user.ts";
import { bin, scratchFolder, startCommand } from "../helpers/command.ts";
import { echo, freePort, scene, type Echo } from "../helpers/scene.ts";
import { signIn, storedSession } from "../helpers/stored-session.ts";
import { until } from "../helpers/until.ts";

test("S-005 a token in the environment that no header takes is refused before it is used, and is in no message", async (t) => {
  const { saas, run } = await scene(t, {}, { SPEC_KITTY_ACCESS_TOKEN: "at_hidden\nquit=1" });
  for (const args of ["api GET /api/v1/me --debug", "auth git-credential get"]) {
    const { code, stdout, stderr } = await run(args);
    assert.deepEqual([code, stdout], [2, ""], args);
    assert.match(stderr, /^error: SPEC_KITTY_ACCESS_TOKEN is not an access token[^\n]*\nhint: [^\n]+\n/);
    assert.ok(!stderr.includes("at_hidden"), stderr);
  }
  assert.equal(saas.requests.length, 0);
});

test("output that cannot be written is a failure of one line, and the work is done to its end", {
  skip: !existsSync("/dev/full") && "no /dev/full here",
}, async (t) => {
  const { saas, env } = await scene(t);
  await signIn(saas, env);
  for (const args of [["auth", "status"], ["auth", "token"], ["--version"], ["--help"], ["auth", "logout"]]) {
    const child = spawn(process.execPath, [bin, ...args], {
      env,
      stdio: ["ignore", openSync("/dev/full", "w"), "pipe"],
    });
    const [stderr, [status]] = await Promise.all([text(child.stderr as Readable), once(child, "exit")]);
    assert.deepEqual(
      [status, stderr],
      [1, "error: cannot write the output (ENOSPC)\nhint: Free some space, or redirect the output elsewhere\n"],
      args.join(" "),
    );
  }
  assert.equal(await storedSession(env), undefined);
});

test("an output file or a report damages no other file: no link is followed to write it, and what is not a file stays what it is", {
  skip: process.platform === "win32" && "links need a right there, and named pipes are no files",
}, async (t) => {
  const { saas, env, run, here, folder } = await scene(t);
  await signIn(saas, env);
  const [report, precious] = [join(folder, "report.json"), join(folder, "precious")];
  writeFileSync(precious, "precious");
  symlinkSync(precious, `${report}.tmp`);
  assert.equal((await run(`sync now --report ${report}`)).code, 0);
  assert.deepEqual(JSON.parse(readFileSync(report, "utf8")), { rejections: [] });
  assert.equal(readFileSync(precious, "utf8"), "precious");
  // A pipe of this test: a failure once, as root, left the machine without /dev/null.
  const pipe = join(folder, "pipe");
  execFileSync("mkfifo", [pipe]);
  const [written, { code: ended }] = await Promise.all([readFile(pipe, "utf8"), here(`api ${echo} -o ${pipe}`)]);
  assert.deepEqual([ended, (JSON.parse(written) as Echo).method], [0, "GET"]);
  assert.ok(lstatSync(pipe).isFIFO());
  const { code, stderr } = await here(`sync now --report ${folder}/no/report.json`);
  assert.equal(code, 2);
  assert.match(stderr, /^error: --report: cannot write "[^\n]+" \(ENOENT\)\nhint: [^\n]+\n$/m);
});

/** Records its command line, as the process list shows it. */
function recordingBrowser(folder: string): { program: string; address: () => Promise<string> } {
  const program = join(folder, "browser.js");
  const record = join(folder, "started-with");
  writeFileSync(
    program,
    `#!${process.execPath}\nrequire("fs").writeFileSync(${JSON.stringify(`${record}.part`)}, process.argv[2]); require("fs").renameSync(${JSON.stringify(`${record}.part`)}, ${JSON.stringify(record)});\n`,
    { mode: 0o755 },
  );
  const address = async (): Promise<string> => {
    await until("the browser is started", () => existsSync(record));
    return readFileSync(record, "utf8");
  };
  return { program, address };
}

test("S-009 what other users read in the process list leads to the login once, and a second opening gets nothing", async (t) => {
  const { saas, env } = await scene(t);
  const { program, address } = recordingBrowser(scratchFolder(t));
  const running = startCommand(t, ["auth", "login", "--port", String(await freePort())], { ...env, BROWSER: program });
  const oneTime = await address();
  assert.doesNotMatch(oneTime, /state=/);
  const own = (await fetch(oneTime, { redirect: "manual" })).headers.get("location") ?? "";
  const second = await fetch(oneTime);
  assert.deepEqual([second.status, new URL(second.url).pathname], [409, "/opened-before"]);
  assert.equal(saas.count("/oauth/token"), 0);
  await approve(own, { as: "alice" });
  assert.match((await running.ended).stdout, /Logged in as alice@example\.com/);
});
