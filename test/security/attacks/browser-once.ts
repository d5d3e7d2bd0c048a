// Another user or program also opens the browser's URL, before or after the browser.
import assert from "node:assert/strict";
import { approve } from "../../fake-saas/user.ts";
import { assertLoggedIn, type Attack } from "../stage.ts";

export const attack: Attack = async (stage) => {
  const { saas, env } = await stage.scene();
  const { opened, shown, ended } = await stage.login(env);
  if ("refused" in opened) {
    await approve(shown);
    assertLoggedIn(await ended, "alice");
    return opened;
  }
  const opening = async (): Promise<string> => {
    const { headers } = await fetch(opened.address, { redirect: "manual" });
    assert.deepEqual(headers.getSetCookie(), [], "every port of this host would get a cookie");
    return headers.get("location") ?? "";
  };
  assert.doesNotMatch(opened.address, /state/);
  const first = await opening();
  assert.match(first, /[?&]state=/);
  assert.equal(await opening(), "/opened-before", "nobody gets the state a second time");
  if (process.platform === "linux") {
    // Both were this user's own.
    await approve(first);
    assertLoggedIn(await ended, "alice");
  } else {
    // One may have been another user's: not logged in.
    const { code, stderr } = await ended;
    assert.equal(code, 5);
    assert.match(stderr, /opened twice/);
    assert.equal(saas.count("/oauth/token"), 0);
  }
  return "held";
};
