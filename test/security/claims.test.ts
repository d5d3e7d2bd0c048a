// Every claim of `help security` and its attack, on this runtime as this user. `npm run test:security` has all.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startAccount } from "./account.ts";
import { attackNames, claimNames, runAttack } from "./attack-run.ts";
import type { Casting } from "./stage.ts";

test("S-017 each claim of the security model has an attack, and each attack a claim", () => {
  assert.deepEqual(attackNames().sort(), claimNames().sort());
});

let casting: Casting = {};
const ends: (() => void)[] = [];
before(async () => {
  // Only root can act as another user.
  if (process.geteuid?.() !== 0) return;
  casting = { other: await startAccount({ uid: 65534, gid: 65534 }, (end) => void ends.push(end)) };
});
after(() => ends.forEach((end) => end()));

for (const claim of claimNames()) {
  test(`S-017 ${claim} holds`, async (t) => {
    const outcome = await runAttack(claim, casting);
    if (typeof outcome !== "object") return;
    if ("skipped" in outcome) return t.skip(outcome.skipped);
    t.diagnostic(JSON.stringify(outcome));
  });
}
