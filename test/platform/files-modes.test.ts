import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { checkPrivateFile } from "../../src/platform/private-files.ts";
import { scratchFolder, typescript } from "../helpers/command.ts";

const skip = process.platform === "win32" && "there are no modes here to set";
const module = new URL("../../src/platform/private-files.ts", import.meta.url).href;

const table: [platform: string, folderMode: number, fileMode: number, outcome: string][] = [
  ["linux", 0o700, 0o600, "content"],
  ["linux", 0o755, 0o600, "content"],
  ["linux", 0o700, 0o640, "storage_unsafe"],
  ["linux", 0o700, 0o604, "storage_unsafe"],
  ["linux", 0o770, 0o600, "storage_unsafe"],
  ["linux", 0o702, 0o600, "storage_unsafe"],
  ["darwin", 0o700, 0o600, "content"],
  ["darwin", 0o700, 0o640, "storage_unsafe"],
  ["darwin", 0o770, 0o600, "storage_unsafe"],
  // There modes say nothing: the profile directory's access list keeps others out.
  ["win32", 0o777, 0o666, "content"],
];
test("a named pipe in the place of a file is refused at once, and not waited for", { skip }, (t) => {
  const pipe = join(scratchFolder(t), "file");
  spawnSync("mkfifo", ["-m", "600", pipe]);
  const code = `const { readPrivateFile } = await import(${JSON.stringify(module)}); readPrivateFile(process.argv[1]);`;
  const args = [...typescript, "--input-type=module", "-e", code, pipe];
  const { signal, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", timeout: 10_000 });
  assert.equal(signal, null, "it waits for the other end");
  assert.match(stderr, /is not a regular file/);
});

test("what was opened is looked at once more: it may have replaced a plain file meanwhile", (t) => {
  const folder = scratchFolder(t);
  chmodSync(folder, 0o700);
  const refused = { code: "storage_unsafe", message: /is not a regular file/ };
  assert.throws(() => checkPrivateFile("file", statSync(folder)), refused);
});

for (const [platform, folderMode, fileMode, outcome] of table) {
  const modes = `${fileMode.toString(8)} in a folder of mode ${folderMode.toString(8)}`;
  test(`on ${platform} a file of mode ${modes} is ${outcome === "content" ? "read" : "refused"}`, { skip }, (t) => {
    const folder = join(scratchFolder(t), "kept");
    mkdirSync(folder);
    writeFileSync(join(folder, "file"), "content");
    chmodSync(join(folder, "file"), fileMode);
    chmodSync(folder, folderMode);
    // In its own process, with another platform before the file is loaded.
    const code = `
      Object.defineProperty(process, "platform", { value: ${JSON.stringify(platform)} });
      const { readPrivateFile } = await import(${JSON.stringify(module)});
      try { process.stdout.write(readPrivateFile(${JSON.stringify(join(folder, "file"))})); } catch (error) { process.stdout.write(error.code); }`;
    const { stdout, stderr } = spawnSync(process.execPath, [...typescript, "--input-type=module", "-e", code], {
      encoding: "utf8",
    });
    assert.equal(stdout, outcome, stderr);
  });
}
