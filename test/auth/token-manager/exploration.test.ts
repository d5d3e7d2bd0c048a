import assert from "node:assert/strict";
import { test } from "node:test";
import type { Exploration } from "../../simulation/explore.ts";
import type { Task } from "../../simulation/main.ts";
import { laboratory, type Mutation } from "../../simulation/run.ts";

const refresher = "src/auth/token-manager/session-refresher.ts";
const breaks: Record<string, Mutation> = {
  "no second look under the lock": {
    file: refresher,
    from: `        const session = await this.load();
        if (this.#current.isEnough(session, need)) return session;
        const answer`,
    to: `        const session = before;
        const answer`,
  },
  "release before store": {
    file: refresher,
    from: `        if ("tokens" in answer) {`,
    to: `        if ("tokens" in answer) {
          lock.release();`,
  },
  "sessions compared by access token": {
    file: "src/auth/session.ts",
    from: "return a.refreshToken.equals(b.refreshToken);",
    to: "return a.accessToken.equals(b.accessToken);",
  },
  "retry without holding the lock": {
    file: "src/auth/token-manager/refresh-request.ts",
    from: "if (!lock.held()) throw",
    to: "if (false) throw",
  },
  "adoption after logout": {
    file: "src/auth/session-store.ts",
    from: "if (profile?.session === undefined || !isSameSession(profile.session, expected)) return profiles;\n      return withProfile(profiles, name, { ...profile, session: next });",
    to: "if (profile?.session !== undefined && !isSameSession(profile.session, expected)) return profiles;\n      return withProfile(profiles, name, { ...profile!, session: next });",
  },
};

for (const [what, mutation] of Object.entries(breaks)) {
  test(`found: ${what}`, async (t) => {
    using lab = await laboratory([mutation]);
    const t0 = performance.now();
    const r = await lab.explore({ seed: 1, walks: 20000 });
    t.diagnostic(`walks ${r.schedules} ${(performance.now() - t0).toFixed(0)} ms ${r.failure?.violation} ${r.failure?.steps.length}`);
    assert.ok(r.failure);
  });
}
