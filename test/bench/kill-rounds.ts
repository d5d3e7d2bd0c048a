// One round: a command is killed at a random moment, and what it has left is looked at through the next command.
import assert from "node:assert/strict";
import type { FakeSaas } from "../fake-saas/server.ts";
import { approve } from "../fake-saas/user.ts";
import type { CommandResult, RunningCommand } from "../helpers/command.ts";

/** What a killed command had done, as the next command finds it. */
export type Outcome =
  | "nothing"
  /** Of a login: the service has a session that is not stored, and the old one stays. Of a logout: only the service has ended the session. Of the queue: some of it. */
  | "part"
  | "all"
  /** The service had rotated the token, and the new one was not stored: a process that dies in between takes it along. */
  | "window"
  /** What must not happen. */
  | "lost";

/** A service and a folder, and the command between them. */
export interface Stage {
  saas: FakeSaas;
  /** Starts the command. Its arguments are split at spaces. */
  start(args: string): RunningCommand;
}

/** Starts a command and kills it. `path`: where the service is asked for what the command is about. */
export type Strike = (
  stage: Stage,
  args: string,
  path?: string,
  onStart?: (running: RunningCommand) => void,
) => Promise<CommandResult>;

/** What is done and killed, again and again, with the same stage. */
export interface Deed {
  /** Brings the stage into the state that every round begins with. */
  prepare(): Promise<void>;
  round(strike: Strike): Promise<Outcome>;
  /** Looks at what only the end shows. @returns what was lost, and the rounds of which more was done than they said */
  finish?(): Promise<{ lost: number; unsaid: number }>;
}

/** Every deed, by what the command is called. */
export const deeds: Record<string, (stage: Stage) => Deed> = { refresh, login, logout, emit, drain };

/** Runs a command to its end, which must be a good one. */
export async function succeeds({ start }: Stage, args: string): Promise<CommandResult> {
  const result = await start(args).ended;
  assert.equal(result.code, 0, `${args}: ${result.stderr}`);
  return result;
}

/** Logs in; the scripted user approves, and nobody listens to a browser's troubles. */
export async function logIn(stage: Stage, args = ""): Promise<void> {
  const running = stage.start(`auth login --no-browser${args}`);
  approveOf(running);
  const { code, stderr } = await running.ended;
  assert.equal(code, 0, stderr);
}

function approveOf({ shows }: RunningCommand): void {
  shows(/https?:\/\/\S+\/oauth\/authorize\?\S+/)
    .then(([address]) => approve(address))
    .catch(() => undefined);
}

function refresh(stage: Stage): Deed {
  const { counters } = stage.saas;
  return {
    prepare: () => logIn(stage),
    async round(strike) {
      const before = { ...counters };
      await strike(stage, "auth refresh", "/oauth/token");
      const hasRotated = counters.refreshes > before.refreshes;
      const { code } = await stage.start("auth refresh").ended;
      if (code === 0 && counters.reuses === before.reuses) return hasRotated ? "all" : "nothing";
      await logIn(stage, " --force");
      return code === 4 && hasRotated && counters.reuses === before.reuses + 1 ? "window" : "lost";
    },
  };
}

function login(stage: Stage): Deed {
  const { saas } = stage;
  let session: string | undefined;
  const current = async (): Promise<string | undefined> => {
    const { stdout } = await stage.start("auth token").ended;
    const found = saas.accessTokens.get(stdout.trim())?.session;
    return found?.ended === undefined ? found?.id : undefined;
  };
  return {
    async prepare() {
      await logIn(stage);
      session = await current();
    },
    async round(strike) {
      const { logins } = saas.counters;
      await strike(stage, "auth login --no-browser --force", "/oauth/token", approveOf);
      const before = session;
      session = await current();
      if (session === undefined) {
        await logIn(stage, " --force");
        session = await current();
        return "lost";
      }
      if (session !== before) return "all";
      return saas.counters.logins > logins ? "part" : "nothing";
    },
  };
}

function logout(stage: Stage): Deed {
  const { saas } = stage;
  const live = (): number => [...saas.sessions.values()].filter(({ ended }) => ended === undefined).length;
  return {
    prepare: () => logIn(stage),
    async round(strike) {
      const before = live();
      await strike(stage, "auth logout", "/api/v1/logout");
      const hasEnded = live() < before;
      const { code, stderr } = await stage.start("auth refresh").ended;
      if (code === 0) return hasEnded ? "lost" : "nothing";
      await logIn(stage, " --force");
      if (code !== 4 || !hasEnded) return "lost";
      return stderr.includes("not logged in") ? "all" : "part";
    },
  };
}

const note = (entry: number): string =>
  `sync emit HistoryAdded --aggregate WP01 --payload {"wp_id":"WP01","entry_type":"note","entry_content":"${entry}"}`;
const idIn = (stdout: string): string | undefined => /[0-9A-Z]{26}/.exec(stdout)?.[0];

function emit(stage: Stage): Deed {
  const said = new Set<string>();
  return {
    prepare: () => logIn(stage),
    async round(strike) {
      const { stdout } = await strike(stage, note(said.size));
      const id = idIn(stdout);
      if (id !== undefined) said.add(id);
      return id === undefined ? "nothing" : "all";
    },
    async finish() {
      await succeeds(stage, "sync now");
      const { events } = stage.saas;
      return {
        lost: [...said].filter((id) => !events.has(id)).length,
        unsaid: [...events.keys()].filter((id) => !said.has(id)).length,
      };
    },
  };
}

function drain(stage: Stage): Deed {
  const { saas } = stage;
  const queued: string[] = [];
  return {
    async prepare() {
      // A batch each, so that a drain can be killed between two.
      saas.limits.maxEvents = 1;
      await logIn(stage);
    },
    async round(strike) {
      for (let left = 2; left > 0; left -= 1)
        queued.push(idIn((await succeeds(stage, note(left))).stdout) ?? assert.fail());
      const before = queued.filter((id) => !saas.events.has(id)).length;
      await strike(stage, "sync now", "/api/v1/events/batch/");
      const after = queued.filter((id) => !saas.events.has(id)).length;
      return after === before ? "nothing" : after === 0 ? "all" : "part";
    },
    async finish() {
      await succeeds(stage, "sync now");
      return { lost: queued.filter((id) => saas.events.get(id)?.taken !== true).length, unsaid: 0 };
    },
  };
}
