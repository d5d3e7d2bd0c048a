// Another user reads the process list during a login, opens the browser's URL first, and calls back with a code of
// their own account.
import assert from "node:assert/strict";
import { approve } from "../../fake-saas/user.ts";
import { visit } from "../account.ts";
import { assertLoggedIn, type Attack, type Outcome } from "../stage.ts";

export const attack: Attack = async (stage) => {
  if (stage.other === undefined) return { skipped: "needs a second account" };
  const { saas, env } = await stage.scene();
  const { opened, shown, ended } = await stage.login(env);
  let outcome: Outcome = "held";
  let start = shown;
  if ("refused" in opened) outcome = opened;
  else if (process.platform !== "linux")
    outcome = { unavailable: "the system does not name the owner of a connection" };
  else {
    // As if the terminal's URL had leaked, too.
    const { callback = "" } = await approve(shown, { as: "bob", follow: false });
    assert.equal((await visit(stage.other, opened.address)).status, 403);
    assert.equal((await visit(stage.other, callback)).status, 403);
    assert.equal(saas.count("/oauth/token"), 0);
    start = opened.address;
  }
  // If root runs this, the browser is of the user behind root.
  const user = stage.behindRoot;
  if (user !== undefined) start = (await visit(user, start)).location ?? assert.fail("the browser is sent nowhere");
  const { callback = "" } = await approve(start, { follow: false });
  await (user === undefined ? fetch(callback) : visit(user, callback));
  assertLoggedIn(await ended, "alice");
  return outcome;
};
