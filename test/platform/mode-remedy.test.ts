import assert from "node:assert/strict";
import { test } from "node:test";
import { modeRemedy } from "../../src/platform/private-files.ts";

test("where the mount gives the modes, as with exFAT, the remedy is its option, and elsewhere a chmod", () => {
  for (const [name, type] of [
    ["exFAT", 0x2011bab0],
    ["FAT", 0x4d44],
    ["NTFS", 0x7366746e],
  ] as const)
    assert.match(JSON.stringify(modeRemedy("/media/stick", "o-w", () => type)), /umask=077/, name);
  const chmod = ["Run: ", { run: ["chmod", "o-w", "/home/sam"] }];
  assert.deepEqual(
    modeRemedy("/home/sam", "o-w", () => 0xef53),
    chmod,
  );
  assert.deepEqual(
    modeRemedy("/home/sam", "o-w", () => {
      throw new Error("ENOSYS");
    }),
    chmod,
  );
});
