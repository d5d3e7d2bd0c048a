// The claim of a login in a shared store, in the simulated world of test/simulation: every schedule of two processes, one of which is stopped,
// or cut off from the store, at any step and for longer than it may be silent.
import assert from "node:assert/strict";
import { test } from "node:test";
import { textOf } from "../../simulation/explore.ts";
import { laboratories, type Mutation } from "../../simulation/laboratory.ts";
import { sharedPair, type ProgramName } from "../../simulation/programs.ts";

const file = "src/auth/sessions/shared-claim.ts";

/** Ways to break the protocol, each of which the exploration has to find, by the rule that it breaks. What takes it long is in test/mutants. */
const mutations: Readonly<Record<string, Mutation & { other: ProgramName; breaks: RegExp }>> = {
  "that takes over from a process that is at work": {
    file,
    from: "return clock.monotonic() - seen.since > silentAfterMs;",
    to: "return true;",
    other: "token",
    breaks: / takes over from token\d, which showed a sign \d+ ms ago$/,
  },
  "that claims what was replaced": {
    file,
    from: "if (now?.id !== session.id || !isSameToken(now, session)) return undefined;",
    to: "if (now === undefined) return undefined;",
    other: "token",
    // What it has seen itself keeps it from sending that, and its caller is told of it.
    breaks: / the stored session is an old copy [^:]*: its refresh token was not sent, which nothing explains$/,
  },
  "that does not ask again before it sends what another may have replaced": {
    file,
    from: "isTakenOver || ",
    to: "",
    other: "token",
    breaks: / without the lock$/,
  },
  "that stores its answer although the login has ended": {
    file,
    from: "const isFollowed = now?.id !== session.id || !isSameToken(now, session);",
    to: "const isFollowed = false;",
    other: "logout",
    breaks: /, which brings a session back$/,
  },
};

const laboratory = laboratories(Object.values(mutations));

test("NFR-018 two processes, a pause or a partition: no schedule loses a login, but for one beyond the limit", async (t) => {
  using lab = await laboratory();
  const { failure, schedules, states } = await lab.explore({ scenario: sharedPair("token") });
  t.diagnostic(`${schedules} schedules, ${states} states`);
  assert.ok(!failure, failure && textOf(failure));
  assert.ok(states > 20_000);
});

for (const [how, mutation] of Object.entries(mutations)) {
  const { other, breaks } = mutation;
  test(`the exploration finds a claim ${how}`, async () => {
    using lab = await laboratory(mutation);
    const { failure } = await lab.explore({ scenario: sharedPair(other) });
    assert.match(failure?.violation ?? "nothing was violated", breaks);
  });
}
