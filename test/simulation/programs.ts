import { endReplacedSession, logout } from "../../src/auth/flows/logout.ts";
import type { Profile, Session } from "../../src/auth/sessions/session.ts";
import type { SessionStore } from "../../src/auth/sessions/store.ts";
import type { AuthEventStream } from "../../src/auth/sessions/events.ts";
import { TokenManager } from "../../src/auth/token-manager/token-manager.ts";
import { Process } from "./process.ts";
import { address, lifetime, type ServiceKind } from "./service.ts";
import { SharedPlace, sharedSessions } from "./shared.ts";
import { parts } from "./use.ts";
import { World } from "./world.ts";

/** The real objects, in the world of their process. */
interface Tools {
  readonly process: Process;
  readonly store: SessionStore;
  readonly tokens: TokenManager;
  /** Waits as a caller, and judges the result: an access token, a status, an error, or nothing. */
  serve(work: () => Promise<string | number | void>): Promise<void>;
}

const profileOf = (session: Session): Profile => ({ service: address, clientId: "cli", team: undefined, session });

export const programs = {
  token: ({ serve, tokens }: Tools) => serve(() => tokens.getAccessToken()),

  /** Two callers at once; another one after expiry. */
  async longLived({ serve, tokens, process }: Tools) {
    await Promise.all([
      serve(() => tokens.getAccessToken()),
      serve(() => tokens.getAccessToken({ minValidityMs: 120_000 })),
    ]);
    await process.clock.sleep(lifetime * 1000);
    await serve(() => tokens.getAccessToken());
  },

  /** An authorized fetch with its 401, about the session or the token alone. */
  async request({ serve, tokens, process }: Tools) {
    await serve(async () => {
      let token = await tokens.getAccessToken();
      for (let isReplay = false; ; isReplay = true) {
        const answer = await process
          .ask("/api/v1/me", token, undefined, process.world.time + 10_000)
          .catch(() => undefined);
        if (answer === undefined) return;
        const { status, body } = answer;
        if (status === 401 && body["error"] === "session_invalid") await tokens.sessionRefused(token);
        if (status !== 401 || isReplay) return status;
        const next = await tokens.getAccessToken({ rejected: token });
        if (next === token) return status;
        token = next;
      }
    });
  },

  async logout({ serve, store, tokens, process }: Tools) {
    process.isLogout = true;
    const exchange = { fetch: process.fetch, clock: process.clock };
    await serve(async () => void (await logout("default", { store, tokens, exchange, force: false, by: "logout" })));
  },

  login: (tools: Tools) => logIn(tools),
};

async function logIn({ serve, store, process }: Tools): Promise<void> {
  const { world, clock, fetch } = process;
  await process.wait("log in");
  const session = world.service.login(world.now);
  world.changes(parts.service);
  process.ownLogin = session.sessionId;
  let replaced: Session | undefined;
  const add = (before: Profile | undefined): Profile => {
    replaced = before?.session;
    return profileOf(session);
  };
  await serve(async () => void (await store.change("default", add)));
  if (replaced && world.stored?.login !== replaced.sessionId) await endReplacedSession(replaced, { clock, fetch });
}

export type ProgramName = keyof typeof programs;

export interface Scenario {
  readonly programs: readonly ProgramName[];
  readonly kind: ServiceKind;
  readonly isUnseen: boolean;
  /** Of the stored token, in milliseconds. */
  readonly leftMs: number;
  /** At most. */
  readonly disturbances: number;
  /** Where the session is stored; files by default. */
  readonly place?: "files" | "shared" | undefined;
}

/** Two processes that share a login through a store; one may be stopped or cut off. */
export function sharedPair(other: ProgramName): Scenario {
  return {
    programs: ["token", other],
    kind: "strict",
    isUnseen: false,
    leftMs: 0,
    disturbances: 1,
    place: "shared",
  };
}

/** A stored session, and processes about to start. */
export function worldOf({ programs: names, kind, isUnseen, leftMs, disturbances, place }: Scenario): World {
  const world = new World(kind, isUnseen, disturbances);
  const profile = profileOf(world.service.login(world.now, leftMs));
  world.setProfile(undefined, profile);
  if (place === "shared") world.shared = new SharedPlace(world, profile);
  names.forEach((name, index) => {
    const process = new Process(`${name}${index + 1}`, world);
    if (world.shared !== undefined) process.store = sharedSessions(process, world.shared);
    void live(process, name);
  });
  return world;
}

async function live(process: Process, program: ProgramName): Promise<void> {
  const { world, store, clock, fetch } = process;
  await process.wait("start");
  process.status = "running";
  const events: AuthEventStream = {
    isHeard: () => true,
    emit: (name) => void (name === "unsaved" && (process.isUnsaved = true)),
    on: () => () => undefined,
  };
  const tokens = new TokenManager({ store, clock, fetch, events, random: () => 0.5 });
  const serve = async (work: () => Promise<string | number | void>): Promise<void> => {
    const paused = (): number => world.delayedMs + process.stoppedMs;
    const [time, pausedBefore] = [world.time, paused()];
    const result = await work().catch((error: unknown) => error);
    const pausedMs = paused() - pausedBefore;
    world.ledger.served(process, { waitedMs: world.time - time - pausedMs, pausedMs, result });
  };
  await programs[program]({ process, store, tokens, serve });
  await serve(() =>
    tokens.close().catch((error: unknown) => {
      world.ledger.gaveUp(process);
      throw error;
    }),
  );
  world.ledger.ended(process);
  process.end();
}
