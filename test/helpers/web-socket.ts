import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { SocketConstructor } from "../../src/auth/websocket/connection.ts";
import { typescript } from "./command.ts";

/**
 * Defines tests that need the runtime's own WebSocket. Where it has none without a flag (Node 20), the file is run once more
 * with the flag, and its success is the test.
 *
 * @param file - `import.meta.url` of the test file
 */
export function withWebSocket(file: string, define: (WebSocket: SocketConstructor) => void): void {
  // Under every version's types and at run time alike: absent on Node 20.
  const found = (globalThis as { WebSocket?: SocketConstructor }).WebSocket;
  if (found !== undefined) return define(found);
  test("all of this holds on this Node with --experimental-websocket", () => {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const args = [
      "--experimental-websocket",
      "--no-warnings",
      ...typescript,
      "--test-reporter",
      "tap",
      fileURLToPath(file),
    ];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { env, encoding: "utf8", timeout: 120_000 });
    assert.equal(status, 0, `${stdout}\n${stderr}`);
  });
}
