import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { readdirSync, watch } from "node:fs";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { createApp } from "../../src/app/create-app.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { parseName } from "../../src/platform/process-lock/entry.ts";
import { acquireProcessLock, removeDeadLock } from "../../src/platform/process-lock/process-lock.ts";
import { startCommand, type RunningCommand } from "../helpers/command.ts";
import { numbersFrom } from "../simulation/random.ts";
import { filesUnder, scene, type Scene } from "../helpers/scene.ts";
import { loginFile, sessionOf, storedSession, storeSession } from "../helpers/stored-session.ts";

const rounds = Number(process.env["KILL_ROUNDS"] ?? 10);
const seed = Number(process.env["KILL_SEED"] ?? randomInt(2 ** 32));
const processes = 4;

/** When to kill, in words, and its share of the rounds. */
const moments = {
  /** Each victim at its own moment, from its start to past its end. */
  any: ["at any moment", 2],
  /** The service has the request and does nothing. */
  asked: ["before the service refreshes", 1],
  /** The service rotated the token without a response: the one remaining window, on purpose. */
  unheard: ["before the service answers", 1],
  /** The rotated token is on the way, or has just arrived. */
  answered: ["around the service's answer", 2],
  /** The directory just changed: a lock, the space for the next file, the rename. */
  write: ["during a write in the folder", 4],
} as const;
type Moment = keyof typeof moments;

interface Round {
  killed: Set<number>;
  /** The service rotated for a process killed before it stored the response. */
  isLost: boolean;
  freeAfterMs: number;
}

/** Requests by the lock's holder: at most one process at a time. */
function watchRequests({ saas }: Scene): { pid: number; presented: string }[] & { lock: string } {
  const asked = Object.assign([] as { pid: number; presented: string }[], { lock: "" });
  saas.faults.always("/oauth/token", {
    when: (request) => {
      const presented = new URLSearchParams(request.body).get("refresh_token") ?? "";
      asked.push({ pid: parseName(readdirSync(asked.lock)[0] ?? "")?.pid ?? 0, presented });
      return false;
    },
  });
  return asked;
}

/** @param part - from 0 to 1, how late in the killed process: spread over the rounds */
async function play(
  t: TestContext,
  stage: Scene,
  moment: Moment,
  asked: ReturnType<typeof watchRequests>,
  random: () => number,
  part: number,
): Promise<Round> {
  const { saas, env, config } = stage;
  await storeSession(saas, env, sessionOf(saas));
  const file = (await loginFile(env)) ?? assert.fail("nothing is stored");
  asked.length = 0;
  asked.lock = `${file}.lock`;
  const before = { ...saas.counters };
  const sent = saas.count("/oauth/token");

  let release = (): void => undefined;
  const gate = new Promise<void>((resolve) => (release = resolve));
  if (moment === "asked") saas.faults.next("/oauth/token", { gate, reset: "before" });
  if (moment === "unheard") saas.faults.next("/oauth/token", { gateAnswer: gate });

  const commands = Array.from({ length: processes }, () => startCommand(t, ["auth", "token"], env));
  const pidOf = ({ child }: RunningCommand): number => child.pid ?? 0;
  const victims = commands.filter(() => random() < 0.4);
  const killed = new Set<number>();
  const kill = (command: RunningCommand | undefined): void => {
    if (command?.child.kill("SIGKILL")) killed.add(pidOf(command));
  };
  /** The requesting process and the other victims. */
  const killAll = (): void => {
    kill(commands.find((command) => pidOf(command) === asked.at(-1)?.pid));
    victims.forEach(kill);
  };
  const all = Promise.all(commands.map(({ ended }) => ended));
  const delayMs = part * 25;
  if (moment === "any") {
    // In the first round it surely runs still.
    setTimeout(() => kill(commands[0]), part * 200);
    for (const victim of victims) setTimeout(() => kill(victim), random() * 500);
  } else if (moment === "asked") {
    await saas.until(() => saas.count("/oauth/token") > sent);
    await turn();
    killAll();
  } else if (moment === "unheard") {
    await saas.until(() => saas.counters.refreshes > before.refreshes);
    killAll();
  } else if (moment === "answered") {
    await saas.until(() => saas.counters.refreshes > before.refreshes);
    if (delayMs < 2) killAll();
    else setTimeout(killAll, delayMs);
  } else {
    let left = 1 + Math.floor(part * 60);
    const watcher = watch(dirname(file), () => {
      left -= 1;
      if (left === 0) killAll();
    });
    void all.then(() => watcher.close());
  }
  release();
  const results = await all;

  // The lock, before anything repairs it.
  const startedAt = performance.now();
  for (const path of [join(config, "profiles"), file])
    (await acquireProcessLock(`${path}.lock`, { clock: systemClock, timeoutMs: 60_000 })).release();
  const freeAfterMs = performance.now() - startedAt;

  const stored = await storedSession(env);
  const rotatedBy = asked.find(({ presented }) => saas.refreshTokens.get(presented)?.consumed)?.pid;
  // The stored session is whole and current, or the spent one of the one window.
  const isLost =
    saas.counters.refreshes > before.refreshes &&
    (stored === undefined || saas.refreshTokens.get(stored.refreshToken?.reveal() ?? "")?.consumed === true);
  if (isLost) {
    assert.ok(rotatedBy !== undefined && killed.has(rotatedBy), `only a killed process may lose an answer (${moment})`);
  } else {
    assert.equal(saas.counters.reuses, before.reuses, `no spent token is presented (${moment})`);
    assert.ok(saas.counters.refreshes - before.refreshes <= 1, "one refresh");
    assert.ok(stored !== undefined, `the session is still there (${moment})`);
  }
  for (const [index, { code, signal, stdout, stderr }] of results.entries()) {
    if (killed.has(pidOf(commands[index] as RunningCommand)) && signal === "SIGKILL") continue;
    if (isLost && code === 4) {
      assert.match(stderr, /Session expired or revoked: .*\nhint: Run: spec-kitty auth login|not logged in/);
      continue;
    }
    assert.equal(code, 0, `${moment}: ${stderr}`);
    const grant = saas.accessTokens.get(stdout.trim());
    assert.ok(grant && grant.expiresAt > saas.now(), "a survivor prints a good token");
  }
  if (!isLost) {
    const { reuses } = saas.counters;
    await createApp({ env }).tokens().refresh();
    assert.equal(saas.counters.reuses, reuses);
    // As "auth doctor --repair", for a process that died while it took a lock.
    for (const path of readdirSync(config, { recursive: true, encoding: "utf8" })) {
      const [lock] = /^.*\.lock(?=\.)/.exec(path) ?? [];
      if (lock !== undefined) await removeDeadLock(join(config, lock));
    }
    const left = [...filesUnder(config).keys()].map((path) => path.replaceAll(/[0-9a-f]{8,}/g, "*")).sort();
    assert.deepEqual(left, ["keys", "sessions/*/*/*", "sessions/*/*/profile"], "what the killed ones left is gone");
  }
  return { killed, isLost, freeAfterMs };
}

const shares = Object.values(moments).reduce((sum, [, share]) => sum + share, 0);
for (const [moment, [words, share]] of Object.entries(moments) as [Moment, (typeof moments)[Moment]][]) {
  const times = Math.ceil((rounds * share) / shares);
  test(`NFR-010 after kill -9 ${words} the file is whole, the lock free and the session works, ${times} times`, {
    skip: process.platform === "win32" && "needs signals",
  }, async (t) => {
    t.diagnostic(`seed ${seed} (KILL_SEED=${seed} for the same choices)`);
    const random = numbersFrom(seed);
    const stage = await scene(t);
    const asked = watchRequests(stage);
    const played: Round[] = [];
    for (let round = 0; round < times; round += 1)
      played.push(await play(t, stage, moment, asked, random, (round + random()) / times));

    const freeAfterMs = Math.max(...played.map((round) => round.freeAfterMs));
    const kills = played.reduce((sum, { killed }) => sum + killed.size, 0);
    assert.ok(kills > 0, "somebody was killed, or nothing is shown");
    const lost = played.filter(({ isLost }) => isLost).length;
    t.diagnostic(
      `${kills} of ${times * processes} processes killed, both locks free after ${freeAfterMs.toFixed(0)} ms at most`,
    );
    t.diagnostic(
      `${lost} of ${times} rounds lost in the one window: the service had rotated, the process had not stored`,
    );
  });
}
