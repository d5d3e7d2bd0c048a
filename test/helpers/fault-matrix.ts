import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { createApp } from "../../src/app/create-app.ts";
import type { Clock } from "../../src/platform/clock.ts";
import type { Fault as AnswerFault } from "../fake-saas/faults.ts";
import { startFakeSaas, type FakeSaas } from "../fake-saas/server.ts";
import { commandEnvironment, scratchFolder, type CommandEnvironment, type CommandResult } from "./command.ts";
import { lineHere } from "./command-here.ts";
import { ManualClock } from "./manual-clock.ts";
import { loginFile, sessionOf, storedProfile, storeSession } from "./stored-session.ts";

export const commands = {
  token: "auth token",
  refresh: "auth refresh",
  api: "api /api/v1/me",
  login: "auth login --yes --force",
  logout: "auth logout",
  switch: "auth switch work",
} as const;
export type CommandName = keyof typeof commands;

/**
 * When a fault begins, relative to a request with a refresh token or a login's code: before the command; after the
 * service has it without a response; at the response, while it is stored.
 */
export const moments = ["before sending", "after sending", "while storing"] as const;
export type Moment = (typeof moments)[number];

/** One command with one fault at one moment, in its own directory. */
export interface Cell {
  readonly moment: Moment;
  readonly command: CommandName;
  readonly saas: FakeSaas;
  readonly folder: string;
  readonly config: string;
  readonly env: CommandEnvironment;
  readonly locks: { readonly login: string; readonly profiles: string };
  /** The machine's time, and the service's. */
  readonly time: ManualClock;
  /** Of the machine, in milliseconds. */
  clockOffsetMs: number;
  /** The sessions of both profiles, by the service's names. */
  readonly alice: string;
  readonly bob: string;
  /** Sessions of the service before the command, and spent tokens sent to it. */
  before: { readonly sessions: number; readonly reuses: number };
}

/** A fault and its expected effect. */
export interface Fault {
  /** The directory of a cell's logins, if not below the scratch directory. */
  readonly place?: () => string;
  /** Called once with all cells of the fault, before the first command. */
  prepare?(cells: readonly Cell[]): Promise<void>;
  begin?(cell: Cell): void | Promise<void>;
  /** The service's behavior for the request of the moment. */
  readonly answer?: AnswerFault;
  /**
   * Ends the fault: after the command if it lasts; else while the service works, or after some refusals of the store.
   */
  end?(cell: Cell): void | Promise<void>;
  readonly lasts?: boolean;
  /** Called after the last command. */
  finish?(cells: readonly Cell[]): void | Promise<void>;
  /**
   * Exit codes in the order of {@link commands}, by moment; `0/1` if either may be. A letter marks an impossible cell,
   * see {@link reasons}.
   */
  readonly codes: Readonly<Record<Moment, string>>;
  /** Expected stderr by code, except 0. */
  readonly says?: Readonly<Record<string, RegExp>>;
  /** The one window: the service renewed the session, and the response is lost. The error must say so. */
  readonly isWindow?: boolean;
}

/** Of impossible cells. */
export const reasons = {
  s: "it sends nothing that is spent",
} as const;

/** With the cell's offset. */
function clockOf(cell: Cell): Clock {
  const { time } = cell;
  return {
    now: () => time.now() + cell.clockOffsetMs,
    monotonic: () => time.monotonic(),
    // Fewer looks at a lock, so that five minutes of waiting take no time.
    sleep: (ms, options) => time.sleep(Math.max(ms, 100), options),
    timeout: (ms) => time.timeout(ms),
  };
}

/** How long a store refuses before it accepts, in milliseconds. */
const refusesMs = 1_000;

/** Runs a fault through all its cells and reports each. */
export async function everyCell(t: TestContext, fault: Fault): Promise<void> {
  const saas = await startFakeSaas({ authorizationCodeSeconds: 600 });
  t.after(() => saas.close());
  const cells: { cell: Cell; code: string }[] = [];
  for (const moment of moments) {
    const codes = fault.codes[moment].split(" ");
    if (codes.length !== Object.keys(commands).length) {
      t.diagnostic(`${moment}: cannot occur, ${fault.codes[moment]}`);
      continue;
    }
    for (const [index, command] of (Object.keys(commands) as CommandName[]).entries()) {
      const code = codes[index] ?? "";
      if (code in reasons) continue;
      cells.push({ cell: await cellOf(t, saas, fault, moment, command), code });
    }
  }
  await fault.prepare?.(cells.map(({ cell }) => cell));
  const wrong: string[] = [];
  const results = new Map<Cell, CommandResult>();
  for (const { cell, code } of cells) {
    const name = `${cell.moment}, ${cell.command}`;
    const result = await play(cell, fault);
    results.set(cell, result);
    const problem = await judge(cell, result, code, fault).catch((error: unknown) => error);
    if (problem !== undefined)
      wrong.push(`${name}: ${problem instanceof Error ? problem.message : problem}\n${result.stdout}${result.stderr}`);
  }
  await fault.finish?.(cells.map(({ cell }) => cell));
  for (const { cell } of fault.isWindow ? [] : cells) {
    const name = `${cell.moment}, ${cell.command}`;
    const problem = await afterwards(cell, results.get(cell) as CommandResult).catch((error: unknown) => error);
    if (problem !== undefined)
      wrong.push(`${name}, afterwards: ${problem instanceof Error ? problem.message : problem}`);
  }
  for (const moment of moments) {
    const row = cells.filter(({ cell }) => cell.moment === moment);
    const codes = row.map(({ cell }) => `${cell.command} ${results.get(cell)?.code}`).join(", ");
    const never = Object.entries(reasons).flatMap(([letter, why]) => {
      const at = fault.codes[moment].split(" ");
      const names = at.length === 6 ? Object.keys(commands).filter((_, index) => at[index] === letter) : [];
      return names.length === 0 ? [] : `${names.join(", ")}: cannot occur, ${why}`;
    });
    const found = fault.isWindow ? "the one window" : "reuse 0, revoked 0";
    if (row.length > 0) t.diagnostic(`${moment}: ${[`${codes} (${found})`, ...never].join("; ")}`);
  }
  if (wrong.length > 0) assert.fail(wrong.join("\n\n"));
}

async function cellOf(
  t: TestContext,
  saas: FakeSaas,
  fault: Fault,
  moment: Moment,
  command: CommandName,
): Promise<Cell> {
  const folder = scratchFolder(t);
  const place = fault.place?.();
  const own = place === undefined ? {} : { SPEC_KITTY_CONFIG_DIR: place };
  // Without programs: each logout would start git.
  const env = commandEnvironment(folder, saas.url, { ...own, PATH: "" });
  const config = env["SPEC_KITTY_CONFIG_DIR"] ?? "";
  const time = new ManualClock();
  const [alice, bob] = [sessionOf(saas), sessionOf(saas, { user: "bob" })];
  await storeSession(saas, env, alice);
  await storeSession(saas, env, bob, { profile: "work" });
  const locks = { login: `${await loginFile(env)}.lock`, profiles: `${config}/profiles.lock` };
  return {
    moment,
    command,
    saas,
    folder,
    config,
    env,
    locks,
    time,
    clockOffsetMs: 0,
    alice: alice.sessionId ?? "",
    bob: bob.sessionId ?? "",
    before: { sessions: 0, reuses: 0 },
  };
}

async function run(cell: Cell, line: string): Promise<CommandResult> {
  const { saas, time, env } = cell;
  saas.options.now = () => time.now();
  const before = saas.count("/oauth/token");
  // Time stands still during the browser's part.
  time.isHeld = () => line.startsWith("auth login") && saas.count("/oauth/token") === before;
  return lineHere(line, env, { clock: clockOf(cell) });
}

async function play(cell: Cell, fault: Fault): Promise<CommandResult> {
  const { saas, moment, command, time } = cell;
  cell.before = { sessions: saas.sessions.size, reuses: saas.counters.reuses };
  let begunAt: number | undefined;
  let isOver = false;
  const begin = async (): Promise<void> => {
    await fault.begin?.(cell);
    begunAt = time.elapsed;
  };
  const end = async (): Promise<void> => {
    if (!isOver) await fault.end?.(cell);
    isOver = true;
  };
  if (moment === "before sending" || command === "switch") await begin();
  else {
    let come = (): void => undefined;
    const gate = new Promise<void>((resolve) => (come = resolve)).then(async () => {
      await begin();
      if (moment === "while storing") return;
      time.pass(2_000);
      if (!fault.lasts) await end();
    });
    const how = moment === "after sending" ? { gate } : { gateAnswer: gate };
    saas.faults.next("/oauth/token", { ...how, ...fault.answer, when: () => (come(), true) });
    if (fault.lasts && fault.answer) saas.faults.always("/oauth/token", fault.answer);
  }
  if (moment === "while storing" && !fault.lasts)
    time.onSleep = () => (time.elapsed - (begunAt ?? Infinity) >= refusesMs ? end() : undefined);
  try {
    return await run(cell, commands[command]);
  } finally {
    saas.faults.clear("/oauth/token");
    time.onSleep = () => undefined;
    await end();
  }
}

/** Compares outcome and messages with the expectation. */
async function judge(
  cell: Cell,
  { code, stdout, stderr }: CommandResult,
  expected: string,
  fault: Fault,
): Promise<string | undefined> {
  const { saas, command, env, alice, bob, before } = cell;
  if (!expected.split("/").includes(String(code))) return `exit code ${code} instead of ${expected}`;
  const session = (await storedProfile(env))?.session;
  const isGood = (token: string): boolean => (saas.accessTokens.get(token)?.expiresAt ?? 0) > saas.now();
  const isEnded = (id: string): boolean => saas.sessions.get(id)?.ended !== undefined;
  const isMeant = (command === "login" || command === "logout") && code === 0;
  if (fault.isWindow)
    return fault.says?.[String(code)]?.test(stderr) ? undefined : `it does not say ${fault.says?.[String(code)]}`;
  if (saas.counters.reuses > before.reuses) return "a spent token was sent";
  if (isEnded(bob)) return "the session of another profile was ended";
  if (isEnded(alice) && !isMeant && command !== "logout") return "the session was ended";
  if (session !== undefined && saas.refreshTokens.get(session.refreshToken?.reveal() ?? "")?.consumed !== false)
    return "a spent token is stored";
  if (session === undefined && command !== "logout") return "nothing is stored";
  if (code === 0) {
    const warned = /^warning: /m.test(stderr);
    const done: Record<CommandName, () => boolean | Promise<boolean>> = {
      // A slow clock keeps an expired token until a service refuses it.
      token: () => isGood(stdout.trim()) || cell.clockOffsetMs < 0,
      refresh: () => stdout.startsWith("✓ Refreshed") && isGood(session?.accessToken.reveal() ?? ""),
      api: () => (JSON.parse(stdout) as { user_id?: string }).user_id === "u_alice",
      login: () => session?.sessionId !== alice && !isEnded(session?.sessionId ?? "") && (isEnded(alice) || warned),
      logout: () => session === undefined && (isEnded(alice) || warned),
      switch: async () => (await createApp({ env }).store.choice()).active === "work",
    };
    return (await done[command]()) ? undefined : "it did not do what it says";
  }
  if (!/^error: [^\n]+\nhint: [^\n]+\n$/m.test(stderr)) return "no error with a hint";
  const said = fault.says?.[String(code)];
  if (said !== undefined && !said.test(stderr)) return `it does not say ${said}`;
  if (/report this bug/.test(stderr)) return "a bug";
  // A login that could not be stored is ended.
  const made = [...saas.sessions.keys()].slice(before.sessions).filter((id) => !isEnded(id));
  return made.length > 0 ? "the session of a login that failed lives on" : undefined;
}

/** After the fault: all sessions live, retries work, and no later command refreshes without need. */
async function afterwards(cell: Cell, { code }: CommandResult): Promise<string | undefined> {
  const { saas, command, env } = cell;
  const before = { ...saas.counters };
  const again = async (line: string): Promise<string | undefined> => {
    const { code: now, stderr } = await run(cell, line);
    return now === 0 ? undefined : `"${line}": exit code ${now}\n${stderr}`;
  };
  const hasLoggedOut = command === "logout" && (code === 0 || saas.sessions.get(cell.alice)?.ended !== undefined);
  const problem = hasLoggedOut
    ? ((await again("auth logout --force")) ?? ((await storedProfile(env))?.session && "it is still logged in"))
    : ((await again("auth refresh --profile default")) ?? (await again("auth token --profile default")));
  if (problem !== undefined) return problem;
  if (saas.counters.reuses > before.reuses) return "a spent token was sent";
  if (saas.counters.refreshes - before.refreshes > 1) return "it refreshed without need";
  return code === 3 && !hasLoggedOut ? again(commands[command]) : undefined;
}
