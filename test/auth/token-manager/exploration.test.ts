import assert from "node:assert/strict";
import { test } from "node:test";
import { pairs, textOf } from "../../simulation/explore.ts";
import { laboratory, type Mutation } from "../../simulation/laboratory.ts";

const refresh = "src/auth/token-manager/refresh.ts";

/**
 * Ways to break the protocol, each of which the exploration has to find, by the rule that it breaks. `seed`: where to look first, for what few
 * walks find.
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
    breaks: / has been replaced in the store$/,
  },
  "that releases its claim although the store has a spent token": {
    file: refresh,
    from: "if (this.#kept?.claim !== claim) await claim.release();",
    to: "await claim.release();",
    breaks: / has not stored the answer to it$/,
    seed: 2_692,
  },
  "that keeps its claim to the end": {
    file: refresh,
    from: "if (this.#kept?.claim !== claim) await claim.release();",
    to: "",
    breaks: / ends with a lock$/,
  },
  "that gives an expired token out when it fails": {
    file: refresh,
    from: "remainingMs(session, this.#options.clock.now()) <= 0)",
    to: "false)",
    breaks: / has expired$/,
  },
  "that fails although another process has just refreshed": {
    file: refresh,
    from: "if (reason === undefined || begunAgain.has(reason)) return",
    to: "return",
    breaks: /, which nothing explains$/,
  },
  "that sends without asking whether it still has its claim": {
    file: "src/auth/token-manager/refresh-request.ts",
    from: "if (!(await isHeld()))",
    to: "if (false)",
    breaks: / without the lock$/,
  },
  "that removes a session whatever was stored in its place": {
    file: refresh,
    from: "isRemoved = session?.id === refused.id && (isKept || isSameToken(session, refused));",
    to: "isRemoved = session !== undefined;",
    breaks: / the service still takes$/,
  },
  "beside a logout that ends whatever login there is": {
    file: "src/auth/flows/logout.ts",
    from: "stored?.session?.id === session.id ?",
    to: "stored !== undefined ?",
    breaks: / the service still takes$/,
  },
};

test("NFR-009 NFR-010 S-002 S-003 S-004 two processes and one disturbance: no schedule loses the session", async (t) => {
  using lab = await laboratory();
  const scenarios = pairs(1).filter(
    ({ kind, leftMs, programs: [one, other = ""] }) =>
      kind === "strict" && leftMs === 0 && one === "token" && /^(token|logout|login)$/.test(other),
  );
  const { failure, schedules, states } = await lab.explore({ scenarios });
  t.diagnostic(`${schedules} schedules, ${states} states`);
  assert.ok(!failure, failure && textOf(failure));
  assert.ok(schedules > 10_000);
});

test("NFR-009 NFR-010 S-002 S-003 S-004 three to five processes and many disturbances: no random schedule does", async (t) => {
  using lab = await laboratory();
  const { failure, schedules, steps } = await lab.explore({ seed: 1, walks: 6_000 });
  t.diagnostic(`${schedules} schedules, ${steps} steps`);
  assert.ok(!failure, failure && textOf(failure));
});

for (const [how, { seed = 1, breaks, ...mutation }] of Object.entries(mutations)) {
  test(`the exploration finds a refresh ${how}`, async (t) => {
    using lab = await laboratory(mutation);
    const startedAt = performance.now();
    const { failure } = await lab.explore({ seed, walks: 50_000 });
    t.diagnostic(
      `in walk ${failure?.seed}, after ${Math.round(performance.now() - startedAt)} ms: ${failure?.violation}`,
    );
    assert.match(failure?.violation ?? "nothing was violated", breaks);
  });
}
