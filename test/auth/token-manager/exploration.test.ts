import assert from "node:assert/strict";
import { test } from "node:test";
import { pairs, textOf } from "../../simulation/explore.ts";
import { laboratory, type Mutation } from "../../simulation/laboratory.ts";

const refresher = "src/auth/token-manager/session-refresher.ts";

/** Ways to break the protocol, each of which the exploration has to find. `seed`: where to look first, for what few walks find. */
const mutations: Readonly<Record<string, Mutation & { seed?: number }>> = {
  "that does not look again under the lock": {
    file: refresher,
    from: `        const session = await this.load();
        if (this.#current.isEnough(session, need)) return session;
        const answer`,
    to: `        const session = before;
        const answer`,
  },
  "that releases the lock before it stores": {
    file: refresher,
    from: `if ("tokens" in answer) {`,
    to: `if ("tokens" in answer) {
          lock.release();`,
  },
  "that compares sessions by access token": {
    file: "src/auth/session.ts",
    from: "return a.refreshToken.equals(b.refreshToken);",
    to: "return a.accessToken.equals(b.accessToken);",
    seed: 5_900,
  },
  "that sends without asking whether it still has the lock": {
    file: "src/auth/token-manager/refresh-request.ts",
    from: "if (!lock.held())",
    to: "if (false)",
  },
  "that stores a refreshed session after a logout": {
    file: "src/auth/session-store.ts",
    from: "if (profile?.session === undefined || !isSameSession(profile.session, expected)) return profiles;",
    to: "if (profile === undefined || (profile.session && !isSameSession(profile.session, expected))) return profiles;",
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

for (const [how, { seed = 1, ...mutation }] of Object.entries(mutations)) {
  test(`the exploration finds a refresh ${how}`, async (t) => {
    using lab = await laboratory(mutation);
    const startedAt = performance.now();
    const { failure } = await lab.explore({ seed, walks: 50_000 });
    t.diagnostic(
      `in walk ${failure?.seed}, after ${Math.round(performance.now() - startedAt)} ms: ${failure?.violation}`,
    );
    assert.ok(failure);
  });
}
