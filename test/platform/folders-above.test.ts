import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openFoldersAbove } from "../../src/platform/folders-above.ts";
import { scratchFolder, typescript } from "../helpers/command.ts";

const asRoot = {
  skip: process.platform !== "linux" ? "needs Linux" : process.geteuid?.() !== 0 && "needs root to act as other users",
};

test("S-012 a directory above that belongs to the user nobody counts as another user's", asRoot, (t) => {
  const shared = join(scratchFolder(t), "shared");
  mkdirSync(join(shared, "inside"), { recursive: true, mode: 0o755 });
  assert.deepEqual(openFoldersAbove(join(shared, "inside")), []);
  chownSync(shared, 65534, 65534);
  assert.deepEqual(openFoldersAbove(join(shared, "inside")), [{ path: shared, uid: 65534, mode: 0o755 }]);
});

test(
  "S-012 the group that is named after the user is trusted while it has no other member, also as their first group",
  asRoot,
  (t) => {
    const root = scratchFolder(t);
    const [me, shared] = [12345, join(root, "shared")];
    mkdirSync(join(shared, "inside"), { recursive: true });
    chmodSync(root, 0o755);
    chownSync(shared, me, me);
    chmodSync(shared, 0o775);
    const program = `
    const { openFoldersAbove } = await import(${JSON.stringify(new URL("../../src/platform/folders-above.ts", import.meta.url).href)});
    process.setgid(${me});
    process.setuid(${me});
    console.log(JSON.stringify(openFoldersAbove(${JSON.stringify(join(shared, "inside"))})));`;
    const users = "root:x:0:0::/:/bin/sh\nsam:x:12345:12345::/:/bin/sh\n";
    for (const [others, members, isOpen] of [
      ["", "", false],
      ["", "sam", false],
      ["", "sam,mallory", true],
      ["mallory:x:12346:12345::/:/bin/sh\n", "", true],
    ] as const) {
      writeFileSync(join(root, "passwd"), users + others, { mode: 0o644 });
      writeFileSync(join(root, "group"), `root:x:0:\nsam:x:12345:${members}\n`, { mode: 0o644 });
      // Only this process and its children see these users.
      const mounts = `mount --bind "$0/passwd" /etc/passwd && mount --bind "$0/group" /etc/group && exec "$@"`;
      const args = [
        "--mount",
        "sh",
        "-c",
        mounts,
        root,
        process.execPath,
        ...typescript,
        "--input-type=module",
        "-e",
        program,
      ];
      const { status, stdout, stderr } = spawnSync("unshare", args, { encoding: "utf8", cwd: "/" });
      if (status !== 0 && /unshare|mount/.test(stderr)) return t.skip(`cannot mount here: ${stderr}`);
      assert.deepEqual(
        JSON.parse(stdout || stderr),
        isOpen ? [{ path: shared, uid: me, mode: 0o775 }] : [],
        `${others} ${members}`,
      );
    }
  },
);
