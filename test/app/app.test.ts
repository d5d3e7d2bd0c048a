import assert from "node:assert/strict";
import { inspect } from "node:util";
import { test } from "node:test";
import { createApp } from "../../src/app/create-app.ts";

test("S-005 an app that is printed shows neither passphrase nor access token, and gives them to no other program", () => {
  const app = createApp({
    env: {
      SPEC_KITTY_PASSPHRASE: "correct horse battery",
      SPEC_KITTY_ACCESS_TOKEN: "at_of-the-environment",
      SPEC_KITTY_PROFILE: "work",
      HOME: "/nowhere",
    },
  });
  for (const text of [
    inspect(app, { depth: 9, showHidden: true, getters: false }),
    JSON.stringify({ env: app.env, settings: app.settings }),
  ]) {
    assert.doesNotMatch(text, /correct horse|at_of-the/);
  }
  assert.deepEqual(app.env, { SPEC_KITTY_PROFILE: "work", HOME: "/nowhere" });
  assert.equal(app.settings.passphrase?.reveal(), "correct horse battery");
});
