// What the authorized fetch adds to a bare one on loopback: `node --import ./test/typescript.js test/bench/authorized-fetch.ts [ROUNDS]`.
// Both ask the same server, which is a process of its own, in turns: whatever else the machine does meets both alike.
import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { createAuthorizedFetch } from "../../src/auth/authorized-fetch.ts";
import { MemoryStore } from "../../src/auth/sessions/memory-store.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { startFakeSaas } from "../fake-saas/server.ts";
import { sessionOf, storeSession } from "../helpers/stored-session.ts";

const block = 50;

/** Both costs of one request, in microseconds. */
interface Cost {
  wall: number;
  cpu: number;
}

async function serve(): Promise<void> {
  const body = Buffer.from(JSON.stringify({ status: "ok", items: Array.from({ length: 20 }, (_, id) => ({ id })) }));
  const server = createServer((_, response) =>
    response.writeHead(200, { "content-type": "application/json" }).end(body),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  process.send?.((server.address() as AddressInfo).port);
  process.once("disconnect", () => process.exit());
}

async function measure(rounds: number): Promise<void> {
  const child = fork(fileURLToPath(import.meta.url));
  const [port] = (await once(child, "message")) as [number];
  const url = `http://127.0.0.1:${port}`;

  const saas = await startFakeSaas();
  const session = sessionOf(saas, { leftMs: 3_600_000 });
  await saas.close();
  saas.url = url;
  const app = await storeSession(saas, {}, session, { sessions: new MemoryStore(systemClock) });
  const authorizedFetch = createAuthorizedFetch({ tokens: app.tokens(), clock: systemClock, fetch });
  const authorization = `Bearer ${session.accessToken.reveal()}`;

  const bare = async (): Promise<unknown> =>
    (await fetch(`${url}/api/v1/x`, { headers: { authorization, accept: "application/json" } })).json();
  const ours = async (): Promise<unknown> =>
    (await authorizedFetch("/api/v1/x", { headers: { accept: "application/json" } })).json();

  for (let warm = 0; warm < 60; warm += 1) await cost(warm % 2 ? bare : ours);
  const costs = { bare: [] as Cost[], ours: [] as Cost[] };
  for (let round = 0; round < rounds; round += 1) {
    // ABBA, so that a drift of the machine within a round cancels out.
    costs.bare.push(await cost(bare));
    costs.ours.push(await cost(ours), await cost(ours));
    costs.bare.push(await cost(bare));
  }
  child.disconnect();
  for (const kind of ["wall", "cpu"] as const) {
    const [theirs, own] = [median(costs.bare, kind), median(costs.ours, kind)];
    console.log(
      `${kind}: fetch ${theirs.toFixed(0)} µs, authorized fetch ${own.toFixed(0)} µs a request, ${((own / theirs - 1) * 100).toFixed(1)} % more (goal: at most 5 %)`,
    );
  }
}

async function cost(send: () => Promise<unknown>): Promise<Cost> {
  const cpu = process.cpuUsage();
  const started = performance.now();
  for (let count = 0; count < block; count += 1) await send();
  const wall = ((performance.now() - started) * 1000) / block;
  const { user, system } = process.cpuUsage(cpu);
  return { wall, cpu: (user + system) / block };
}

function median(costs: readonly Cost[], kind: keyof Cost): number {
  const values = costs.map((each) => each[kind]).sort((a, b) => a - b);
  return values[values.length >> 1] ?? Number.NaN;
}

if (process.send) await serve();
else await measure(Number(process.argv[2] ?? 300));
