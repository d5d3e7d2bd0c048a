import { createApp } from "../../src/app/create-app.ts";
import { authOf } from "../../src/app/create-auth.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { MemoryStore } from "../../src/auth/sessions/memory-store.ts";
import { startFakeSaas } from "../fake-saas/server.ts";
import { sessionOf, storeSession } from "../helpers/stored-session.ts";

type Source = () => Promise<unknown>;

/** What one call costs while the token is good. */
export interface CallCost {
  client: string;
  /** Best of the rounds: whatever else the machine does can only add to a time. */
  nanoseconds: number;
  /** Against a bare async function in the same run. */
  ratio: number;
}

interface PeerSession {
  accessToken: string;
  refreshToken: string;
  expiresAt: number;
  tokenUrl: string;
}
type PeerClients = Record<string, (session: PeerSession) => Promise<{ getAccessToken: Source }>>;

/** Measures `await auth.getToken()`, and what corresponds to it elsewhere, with a valid token. The sources take turns, so that what else the machine does meets them all. */
export async function validToken(peers: PeerClients): Promise<CallCost[]> {
  const saas = await startFakeSaas();
  const store = new MemoryStore(systemClock);
  const session = sessionOf(saas, { leftMs: 3_600_000 });
  await storeSession(saas, {}, session, { sessions: store });
  const auth = authOf(createApp({ env: {}, sessions: store }));
  const accessToken = session.accessToken.reveal();
  const peerSession = {
    accessToken,
    refreshToken: session.refreshToken?.reveal() ?? "",
    expiresAt: session.accessTokenExpiresAt ?? 0,
    tokenUrl: session.server.token_endpoint,
  };
  const sources: [name: string, get: Source, calls: number][] = [
    ["bare async function", async () => accessToken, 200_000],
    ["ours", () => auth.getToken(), 200_000],
  ];
  for (const [name, create] of Object.entries(peers))
    sources.push([name, (await create(peerSession)).getAccessToken, name === "msalNode" ? 1_000 : 200_000]);

  const rounds = new Map<string, number[]>(sources.map(([name]) => [name, []]));
  for (let round = 0; round < 31; round += 1) {
    for (const [name, get, calls] of sources) {
      const given = await get();
      if (given !== accessToken && (given as { token: string }).token !== accessToken)
        throw new Error(`${name} gave another token`);
      const startedAt = performance.now();
      for (let call = 0; call < calls; call += 1) await get();
      // The first round warms up.
      if (round > 0) rounds.get(name)?.push(((performance.now() - startedAt) * 1e6) / calls);
    }
  }
  await saas.close();
  const best = (name: string): number => Math.min(...(rounds.get(name) ?? []));
  const bare = best("bare async function");
  return [...rounds.keys()].map((client) => ({ client, nanoseconds: best(client), ratio: best(client) / bare }));
}

/** The middle one. */
export function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
