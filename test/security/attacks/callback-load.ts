// Another user makes the kernel's list of connections long, and repeats requests to the URL from the process list: each
// would read the whole list.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { approve } from "../../fake-saas/user.ts";
import { assertLoggedIn, type Attack } from "../stage.ts";

const [pairs, requests] = [4_000, 100];

export const attack: Attack = async (stage) => {
  if (stage.other === undefined) return { skipped: "needs a second account" };
  const { env } = await stage.scene();
  await stage.other.run(openConnections, pairs);
  stage.after(() => stage.other?.run(closeConnections, null));
  const { opened, shown, ended } = await stage.login(env);
  // Where owners are unknown, the URL from the process list would work, once: another claim.
  const isTold = process.platform === "linux" && hasTable() && "address" in opened;
  const address = isTold ? opened.address : `${new URL(shown).searchParams.get("redirect_uri")}?code=c&state=wrong`;
  const statuses = await stage.other.run(askAtOnce, { address, requests });
  if (isTold) {
    // 0: cut off unread.
    assert.deepEqual(
      statuses.filter((status) => status !== 403 && status !== 0),
      [],
    );
  }
  await approve(shown);
  assertLoggedIn(await ended, "alice");
  return "held";
};

function hasTable(): boolean {
  try {
    return readFileSync("/proc/net/tcp", "latin1").length > 0;
  } catch {
    return false;
  }
}

type Held = typeof globalThis & { held?: { destroy(): unknown }[] };

async function openConnections(count: number, require: NodeJS.Require): Promise<number> {
  const { connect, createServer } = require("node:net") as typeof import("node:net");
  const held: { destroy(): unknown }[] = [];
  const server = createServer((socket) => held.push(socket.on("error", () => undefined)));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", 4096, resolve));
  const { port } = server.address() as { port: number };
  const open = async (): Promise<void> => {
    const socket = connect(port, "127.0.0.1").on("error", () => undefined);
    await new Promise((resolve) => socket.once("connect", resolve).once("close", resolve));
    held.push(socket);
  };
  for (let left = count; left > 0; left -= 500) await Promise.all(Array.from({ length: 500 }, open));
  server.close();
  (globalThis as Held).held = held;
  return held.length;
}

function closeConnections(): void {
  for (const socket of (globalThis as Held).held ?? []) (socket as import("node:net").Socket).resetAndDestroy();
}

function askAtOnce(
  { address, requests: count }: { address: string; requests: number },
  require: NodeJS.Require,
): Promise<number[]> {
  const { get } = require("node:http") as typeof import("node:http");
  const ask = (): Promise<number> =>
    new Promise((resolve) => {
      const sent = get(address, { agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      sent.once("error", () => resolve(0));
    });
  return Promise.all(Array.from({ length: count }, ask));
}
