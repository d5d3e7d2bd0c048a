import assert from "node:assert/strict";
import { test } from "node:test";
import { twoAccounts } from "../../../helpers/accounts.ts";
import { runHere } from "../../../helpers/command-here.ts";
import { scene } from "../../../helpers/scene.ts";
import { signIn } from "../../../helpers/stored-session.ts";

test("auth team shows the default team and sets another by id or name, which a refresh and the next login keep", async (t) => {
  const { saas, here, inProject } = await twoAccounts(t);
  assert.equal((await here("auth team")).stdout, "Alice's space (tm_alice)\n");
  assert.equal((await here("auth team tm_acme")).stdout, "✓ The default team is Acme Corp (tm_acme).\n");
  assert.equal((await inProject("auth team")).stdout, "Acme Corp (tm_acme)\n");
  await here("auth refresh");
  await here("auth login --force");
  assert.match((await here("auth status")).stdout, /^ {2}Default team +Acme Corp \(tm_acme\)$/m);
  const byName = await runHere(["auth", "team", "ALICE'S SPACE", "--json"], (await scene(t)).env);
  assert.equal(byName.code, 4, "not logged in there");
  saas.users.alice.teams.push({ id: "tm_acme2", name: "Acme Corp" });
  const unknown = await here("auth team tm_acme2");
  assert.equal(unknown.code, 2);
  assert.match(
    unknown.stderr,
    /^error: you are not a member of team "tm_acme2"\nhint: Use one of: Acme Corp \(tm_acme\), Alice's space \(tm_alice\)\. To update the list: spec-kitty auth status --check\n$/,
  );
  await here("auth status --check");
  assert.equal((await here("auth team tm_acme2")).code, 0);
});

test("a user without teams who names one is told to update the list", async (t) => {
  const { saas, env, here } = await scene(t);
  saas.users.alice.teams.length = 0;
  await signIn(saas, env);
  assert.equal(
    (await here("auth team acme")).stderr,
    'error: you are not a member of team "acme"\nhint: Update the list of your teams: spec-kitty auth status --check\n',
  );
});

test("auth team takes a name in any case, and an id if two teams have the same name", async (t) => {
  const { saas, env, here } = await scene(t);
  saas.users.alice.teams.push({ id: "tm_two", name: "Acme Corp" }, { id: "tm_low", name: "zeta" });
  await signIn(saas, env);
  assert.equal((await here("auth team ZETA")).stdout, "✓ The default team is zeta (tm_low).\n");
  const twice = await runHere(["auth", "team", "Acme Corp"], env);
  assert.equal(twice.code, 2);
  assert.match(
    twice.stderr,
    /^error: 2 of your teams are named "Acme Corp"\nhint: Use an ID: Acme Corp \(tm_acme\), Acme Corp \(tm_two\)\n$/,
  );
  assert.equal((await here("auth team tm_two")).stdout, "✓ The default team is Acme Corp (tm_two).\n");
});
