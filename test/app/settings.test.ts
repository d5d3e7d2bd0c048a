import assert from "node:assert/strict";
import { test } from "node:test";
import { scene } from "../helpers/scene.ts";

for (const [what, token] of [
  ["a line break inside", "at_hidden\rrest"],
  ["a second line", "at_hidden\nquit=1"],
  ["a letter that no header takes", "at_hidden✓"],
  ["a blank", "Bearer at_hidden"],
] as const) {
  test(`S-005 a token in the environment with ${what} is refused before it is used, and is in no message`, async (t) => {
    const { saas, here } = await scene(t, {}, { SPEC_KITTY_ACCESS_TOKEN: token });
    for (const args of ["api GET /api/v1/me --debug", "auth status --check", "auth token"]) {
      const { code, stdout, stderr } = await here(args);
      assert.deepEqual([code, stdout], [2, ""], args);
      assert.match(stderr, /^error: SPEC_KITTY_ACCESS_TOKEN is not an access token[^\n]*\nhint: [^\n]+\n/);
      assert.doesNotMatch(stderr, /at_hidden|\[secret\]/);
    }
    assert.equal(saas.requests.length, 0);
  });
}

test("a token in the environment with a line break at its end, as a file has one, is taken without it", async (t) => {
  const { saas, here } = await scene(t);
  const { access_token } = saas.issue({ user: "bob" });
  assert.equal(
    (await here("auth whoami", { SPEC_KITTY_ACCESS_TOKEN: `${access_token}\r\n` })).stdout,
    "bob@example.com\n",
  );
});
