import assert from "node:assert/strict";
import { after, test } from "node:test";
import { pairs, textOf, type Exploration } from "../../simulation/explore.ts";
import { laboratories, type Laboratory, type Mutation } from "../../simulation/laboratory.ts";
import type { Task } from "../../simulation/main.ts";

const refresh = "src/auth/token-manager/refresh.ts";
const unsaved = "src/auth/token-manager/unsaved-session.ts";
const model = "test/simulation/process.ts";

/**
 * Mutations that the exploration must find, by the broken rule: one for each rule of the ledger; those that the code
 * cannot break alone are in the model of the store. `seed`: the first walk, to find it soon.
 */
const mutations: Readonly<Record<string, Mutation & { breaks: RegExp; seed?: number }>> = {
  "that does not look whether what was stored meanwhile is enough": {
    file: refresh,
    from: "if (this.#current.isEnough(session, need)) return session;",
    to: "if (need.rejected === undefined && startedAt < 0) return session;",
    breaks: / is stored and enough$/,
  },
  "that releases its claim before it stores": {
    file: refresh,
    from: `if ("next" in answer) {`,
    to: `if ("next" in answer) {
          await claim.release();`,
    breaks: / has not stored the answer to it$/,
    seed: 56,
  },
  "that releases its claim although the store has a spent token": {
    file: refresh,
    from: "if (this.#unsaved.kept?.claim !== claim) await claim.release();",
    to: "await claim.release();",
    breaks: / has not stored the answer to it$/,
    seed: 2_738,
  },
  "that keeps its claim to the end": {
    file: refresh,
    from: "if (this.#unsaved.kept?.claim !== claim) await claim.release();",
    to: "",
    breaks: / ends with a lock$/,
  },
  "that gives an expired token out when it fails": {
    file: refresh,
    from: "if (leftFor(need, session, this.#options.clock.now()) <= 0) throw error;",
    to: "if (need.rejected === session.accessToken.reveal()) throw error;",
    breaks: / has expired$/,
    seed: 22,
  },
  "that fails although another process has just refreshed": {
    file: refresh,
    from: 'if (failure === "claim lost" && !wasLost) wasLost = true;',
    to: "if (wasLost) throw error;",
    breaks: /, which nothing explains$/,
  },
  "that sends without asking whether it still has its claim": {
    file: "src/auth/token-manager/refresh-request.ts",
    from: "if (!(await claim.isHeld()))",
    to: "if (false)",
    breaks: / without the lock$/,
    seed: 37,
  },
  "that removes a session whatever was stored in its place": {
    file: refresh,
    from: "session?.id === refused.id && (isKept || isSameToken(session, refused));",
    to: "session !== undefined;",
    breaks: / the service still takes$/,
    seed: 125,
  },
  "that removes the session before it stores the next one": {
    file: refresh,
    from: `if ("next" in answer) {`,
    to: `if ("next" in answer) {
          await this.#options.store.change(this.#current.profile, (stored) => stored && { ...stored, session: undefined });`,
    breaks: /: a login is lost outside of the window$/,
  },
  "that gives a token out and does not store it": {
    file: unsaved,
    from: "return await this.#storeKept();\n    } catch",
    to: "return next.session;\n    } catch",
    breaks: /, which was never stored$/,
  },
  "that gives up, although what another process has stored is there": {
    file: refresh,
    from: "else if (after?.session !== undefined && !isRefused(after.session)) return;",
    to: "",
    breaks: / is stored and good$/,
    seed: 2_294,
  },
  "that ends with a session that it has not tried to store again": {
    file: unsaved,
    from: "for (let waitMs = firstTryMs; this.#kept !== undefined; waitMs *= 2) {\n      try {",
    to: `if (this.#kept) return this.#kept.claim.release();
    for (let waitMs = firstTryMs; this.#kept !== undefined; waitMs *= 2) {\n      try {`,
    breaks: / is stored in the end, and the service does not take it$/,
    seed: 813,
  },
  "that tries again for as long as nobody answers": {
    file: "src/auth/token-manager/refresh-request.ts",
    from: "|| clock.monotonic() - startedAt >= answerLimitMs",
    to: "",
    breaks: / is served after \d+ ms$/,
    seed: 72_555,
  },
  "with a store that does not look again before a token is sent, which was spent": {
    file: model,
    from: "isHeld() && (!room || isUnchanged())",
    to: "isHeld()",
    breaks: /, which has been replaced in the store$/,
    seed: 5_381,
  },
  "with a store that does not look again before a token is sent": {
    file: model,
    from: "isHeld() && (!room || isUnchanged())",
    to: "isHeld()",
    breaks: / is stored and enough$/,
    seed: 3_845,
  },
  "with a store that takes no room beforehand": {
    file: model,
    from: "const hasRoom = room;",
    to: "const hasRoom = false;",
    breaks: /, although room was taken for it$/,
    seed: 292,
  },
  "with a store in which a late answer is a login": {
    file: model,
    from: "world.setLogin(this, session.id, next);",
    to: `if (world.profile?.session === undefined) world.setProfile(this, { ...profile, session: next });
          else world.setLogin(this, session.id, next);`,
    breaks: /, which brings a session back$/,
    seed: 1_283,
  },
  "with a store in which a late answer replaces a new login": {
    file: model,
    from: "world.setLogin(this, session.id, next);",
    to: "world.setProfile(this, { ...profile, session: next });",
    breaks: /, which it does not follow$/,
    seed: 79,
  },
  "with a store that names a login before it is there": {
    file: "test/simulation/world.ts",
    from: "if (session !== undefined) this.logins.set(session.id, session);",
    to: "if (session !== undefined && process === undefined) this.logins.set(session.id, session);",
    breaks: /^a profile names a login that is not there$/,
    seed: 4,
  },
  "beside a logout that ends whatever login there is": {
    file: "src/auth/flows/logout.ts",
    from: "stored?.session?.id === session.id ?",
    to: "stored !== undefined ?",
    breaks: / the service still takes$/,
  },
};

const laboratory = laboratories(Object.values(mutations));
/** The code as it is, for several tests. */
let unchanged: Promise<Laboratory> | undefined;
after(async () => (await unchanged)?.[Symbol.dispose]());
const explore = async (task: Task): Promise<Exploration> => (await (unchanged ??= laboratory())).explore(task);

const scenarios = pairs(1).filter(
  ({ kind, leftMs, programs: [one, other = ""] }) =>
    kind === "strict" && leftMs === 0 && one === "token" && /^(token|logout|login)$/.test(other),
);
let explored: Promise<Exploration[]> | undefined;

/** Each scenario, once for all tests. */
const explorePairs = (): Promise<Exploration[]> =>
  (explored ??= (async () => {
    const explorations: Exploration[] = [];
    for (const scenario of scenarios) explorations.push(await explore({ scenario }));
    return explorations;
  })());

test("NFR-009 NFR-010 S-002 S-003 S-004 two processes and one disturbance: no schedule loses the session", async (t) => {
  for (const { failure, schedules, states } of await explorePairs()) {
    t.diagnostic(`${schedules} schedules, ${states} states`);
    assert.ok(!failure, failure && textOf(failure));
    assert.ok(states > 1_000);
  }
});

test("the exploration reaches every state, although it does not try all orders", async () => {
  const scenario = scenarios.find(({ programs }) => programs.includes("login"));
  assert.ok(scenario);
  const some = (await explorePairs())[scenarios.indexOf(scenario)];
  const every = await explore({ scenario, isThorough: true });
  assert.equal(some?.states, every.states);
  assert.ok(some.steps < every.steps);
});

test("NFR-009 NFR-010 S-002 S-003 S-004 three to five processes and many disturbances: no random schedule does", async (t) => {
  const { failure, schedules, steps } = await explore({ seed: 1, walks: 6_000 });
  t.diagnostic(`${schedules} schedules, ${steps} steps`);
  assert.ok(!failure, failure && textOf(failure));
});

for (const [how, mutation] of Object.entries(mutations)) {
  const { seed = 1, breaks } = mutation;
  test(`the exploration finds a refresh ${how}`, async (t) => {
    using lab = await laboratory(mutation);
    const startedAt = performance.now();
    const { failure } = await lab.explore({ seed, walks: 10_000 });
    t.diagnostic(
      `in walk ${failure?.seed}, after ${Math.round(performance.now() - startedAt)} ms: ${failure?.violation}`,
    );
    assert.match(failure?.violation ?? "nothing was violated", breaks);
  });
}
