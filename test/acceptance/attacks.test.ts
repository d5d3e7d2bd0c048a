import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, openSync } from "node:fs";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { bin } from "../helpers/command.ts";
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
      assert.match(stderr, /^error: SPEC_KITTY_ACCESS_TOKEN holds no access token[^\n]*\nhint: [^\n]+\n/);
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
    assert.deepEqual([status, stderr], [1, "error: the answer could not be written (ENOSPC)\nhint: Free some space, or send the answer somewhere else\n"], args.join(" "));
  }
  assert.equal((await run("auth status")).code, 4);
});
