import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { SocketConstructor } from "../../src/auth/websocket/connection.ts";
import { typescript } from "./command.ts";

/**
 * For tests with the runtime's own WebSocket. On Node 20 the file runs again with the flag, as one test.
 *
 * @param file - `import.meta.url` of the test file
 */
export function withWebSocket(file: string, define: (WebSocket: SocketConstructor) => void): void {
  // Absent on Node 20.
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
