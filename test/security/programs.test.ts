// Programs that a cloned directory puts where the system looks for a bare name. For Windows:
// test/peers/windows-programs.peer.ts.
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { test, type TestContext } from "node:test";
import { findProgram } from "../../src/platform/find-program.ts";
import { approve } from "../fake-saas/user.ts";
import { runCommand, scratchFolder, startCommand } from "../helpers/command.ts";
import { loggedInScene } from "../helpers/queue.ts";

const posix = { skip: process.platform === "win32" && "its programs are not scripts" };

/** Programs that leave a trace. */
function hostileFolder(t: Pick<TestContext, "after">, ...names: string[]): { clone: string; trace: string } {
  const clone = scratchFolder(t);
  const trace = join(clone, "was-started");
  mkdirSync(join(clone, "bin"));
  for (const name of names)
    for (const folder of [clone, join(clone, "bin")])
      writeFileSync(join(folder, name), `#!/bin/sh\necho "$0" >>'${trace}'\n`, { mode: 0o755 });
  return { clone, trace };
}

/** A careless profile's PATH: empty and relative entries. */
const careless = ["", ".", "bin", "./bin", ""].join(delimiter);

test("S-016 auth setup-git starts no git of the working directory", posix, async (t) => {
  const { env } = await loggedInScene(t);
  const { clone, trace } = hostileFolder(t, "git");
  const { code, stdout, stderr } = await runCommand(
    t,
    ["auth", "setup-git"],
    { ...env, PATH: careless },
    { cwd: clone },
  );
  assert.deepEqual([code, stdout], [2, ""]);
  assert.match(stderr, /^error: git is not installed, or not in PATH\nhint: [^\n]+\n$/);
  assert.ok(!existsSync(trace));
});

test(
  "S-016 a login starts no browser of the working directory, whether BROWSER names it or the system does",
  posix,
  async (t) => {
    const { env } = await loggedInScene(t);
    const { clone, trace } = hostileFolder(t, "chrome", "xdg-open", "gio", "wslview", "rundll32.exe", "open");
    const all = { ...env, PATH: careless, BROWSER: "chrome:./chrome:bin/chrome" };
    const running = startCommand(t, ["auth", "login", "--force"], all, { cwd: clone });
    const [, address = ""] = await running.shows(/\n {2}(http\S+)\n/);
    await running.shows(/cannot open the browser \(chrome: not found; [^\n]*not found\)/);
    await approve(address);
    assert.equal((await running.ended).code, 0);
    assert.ok(!existsSync(trace));
  },
);

test(
  "S-016 a program is found by an absolute path or in an absolute entry of PATH, and is started there",
  posix,
  (t) => {
    const { clone } = hostileFolder(t, "tool", "data");
    const there = join(clone, "bin", "tool");
    chmodSync(join(clone, "bin", "data"), 0o644);
    const find = (program: string, path: string): string | undefined => findProgram(program, { PATH: path }, "linux");
    assert.equal(find("tool", `${careless}:/nowhere:${join(clone, "bin")}`), there);
    assert.equal(find(there, ""), there);
    for (const program of ["./tool", "bin/tool", "../tool", "", ".", "data", "bin", there.slice(1)])
      assert.equal(find(program, join(clone, "bin")), undefined, program);
    assert.equal(find(join(clone, "bin"), ""), undefined, "a folder is no program");
  },
);
