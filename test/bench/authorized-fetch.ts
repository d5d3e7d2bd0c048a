import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { authOf } from "../../src/app/create-auth.ts";
import { MemoryStore } from "../../src/auth/sessions/memory-store.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { startFakeSaas } from "../fake-saas/server.ts";
import { sessionOf, storeSession } from "../helpers/stored-session.ts";

const block = 50;

/** The server, which is a process of its own: both fetches ask it. */
async function serve(): Promise<void> {
  const body = Buffer.from(JSON.stringify({ status: "ok", items: Array.from({ length: 20 }, (_, id) => ({ id })) }));
  const server = createServer((_, response) =>
    response.writeHead(200, { "content-type": "application/json" }).end(body),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  process.send?.((server.address() as AddressInfo).port);
  process.once("disconnect", () => process.exit());
}

/**
 * How many times as long as `fetch` a request of `auth.fetch` takes on loopback, where it is shortest. They take turns, and the best of the
 * rounds counts: whatever else the machine does can only add to a time.
 */
export async function authorizedFetch(rounds: number): Promise<number> {
  const child = fork(fileURLToPath(import.meta.url), ["serve"]);
  const [port] = (await once(child, "message")) as [number];
  const url = `http://127.0.0.1:${port}`;
  const saas = await startFakeSaas();
  const session = sessionOf(saas, { leftMs: 3_600_000 });
  await saas.close();
  saas.url = url;
  const auth = authOf(await storeSession(saas, {}, session, { sessions: new MemoryStore(systemClock) }));
  const authorization = `Bearer ${session.accessToken.reveal()}`;

  const bare = async (): Promise<unknown> =>
    (await fetch(`${url}/api/v1/x`, { headers: { authorization, accept: "application/json" } })).json();
  const ours = async (): Promise<unknown> =>
    (await auth.fetch("/api/v1/x", { headers: { accept: "application/json" } })).json();

  for (let warm = 0; warm < 60; warm += 1) await cost(warm % 2 ? bare : ours);
  let [bareMs, oursMs] = [Infinity, Infinity];
  for (let round = 0; round < rounds; round += 1) {
    bareMs = Math.min(bareMs, await cost(bare));
    oursMs = Math.min(oursMs, await cost(ours), await cost(ours));
    bareMs = Math.min(bareMs, await cost(bare));
  }
  child.disconnect();
  return oursMs / bareMs;
}

async function cost(send: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  for (let count = 0; count < block; count += 1) await send();
  return performance.now() - started;
}

if (process.argv[2] === "serve") await serve();
