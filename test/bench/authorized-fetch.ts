// What the authorized fetch adds to a bare one on loopback: `node --import tsx test/bench/authorized-fetch.ts`.
// Both ask the same server in the same process in turns, so that whatever else the machine does meets both alike.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createAuthorizedFetch } from "../../src/auth/http/authorized-fetch.ts";
import { memoryVault } from "../../src/auth/secure-storage/memory.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { startFakeSaas } from "../fake-saas/server.ts";
import { sessionOf, storeSession } from "../helpers/stored-session.ts";

/** Blocks in the order ABBA, which a slow drift of the machine cancels out of. */
const rounds = Number(process.argv[2] ?? 60);
const block = 50;

const body = Buffer.from(JSON.stringify({ status: "ok", items: Array.from({ length: 20 }, (_, id) => ({ id })) }));
const server = createServer((_, response) => response.writeHead(200, { "content-type": "application/json" }).end(body));
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const saas = await startFakeSaas();
const session = sessionOf(saas, { leftMs: 3_600_000 });
await saas.close();
saas.url = url;
const app = await storeSession(saas, {}, session, { storage: memoryVault() });
const authorizedFetch = createAuthorizedFetch({ tokens: app.tokens(), clock: systemClock, fetch });
const headers = { authorization: `Bearer ${session.accessToken.reveal()}`, "content-type": "application/json" };

const bare = async (): Promise<unknown> => (await fetch(`${url}/api/v1/x`, { headers })).json();
const ours = async (): Promise<unknown> => (await authorizedFetch("/api/v1/x", { headers: { "content-type": "application/json" } })).json();

async function timed(send: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  for (let count = 0; count < block; count += 1) await send();
  return (performance.now() - started) / block;
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

for (let warm = 0; warm < 20; warm += 1) await timed(warm % 2 ? bare : ours);
const taken = { bare: [] as number[], more: [] as number[] };
for (let round = 0; round < rounds; round += 1) {
  const [first, second, third, fourth] = [await timed(bare), await timed(ours), await timed(ours), await timed(bare)];
  taken.bare.push(first, fourth);
  taken.more.push((second + third) / (first + fourth) - 1);
}
server.close();
server.closeAllConnections();
console.log(`fetch ${(median(taken.bare) * 1000).toFixed(0)} µs a request, authorized fetch ${(median(taken.more) * 100).toFixed(1)} % more (goal: at most 5 %)`);
