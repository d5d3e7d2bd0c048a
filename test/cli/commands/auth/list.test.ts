import assert from "node:assert/strict";
import { test } from "node:test";
import { scene } from "../../../helpers/scene.ts";

test("auth list before the first login says so and is not a failure", async (t) => {
  const { here } = await scene(t);
  const { code, stdout, stderr } = await here("auth list");
  assert.deepEqual([code, stdout, stderr], [0, "There are no profiles yet.\n", "hint: Run: spec-kitty auth login\n"]);
  assert.deepEqual(JSON.parse((await here("auth list --json")).stdout), { profiles: [] });
});
