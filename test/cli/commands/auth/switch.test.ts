import assert from "node:assert/strict";
import { test } from "node:test";
import { twoAccounts } from "../../../helpers/accounts.ts";
import { scene } from "../../../helpers/scene.ts";
import { signIn } from "../../../helpers/stored-session.ts";

test("auth switch without a name lists the names if there is no terminal", async (t) => {
  const { here } = await twoAccounts(t);
  const { code, stderr } = await here("auth switch");
  assert.equal(code, 2);
  assert.match(
    stderr,
    /^error: missing argument: PROFILE\nhint: Use one of: default, work\. Run: spec-kitty auth switch PROFILE\n$/,
  );
});

test("auth switch does not ask where there is nothing to choose from", async (t) => {
  const { saas, env, here } = await scene(t);
  await signIn(saas, env, { profile: "work" });
  const { code, stdout, stderr } = await here("auth switch");
  assert.deepEqual(
    [code, stdout, stderr],
    [0, `✓ The active profile is "work": alice@example.com (Acme Corp), ${saas.url}.\n`, ""],
  );
  assert.equal((await here("auth logout")).code, 0);
  const loggedOut = await here("auth switch work");
  assert.equal(loggedOut.stdout, `✓ The active profile is "work": alice@example.com, logged out, ${saas.url}.\n`);
});
