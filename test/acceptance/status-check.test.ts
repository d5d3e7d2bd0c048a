import assert from "node:assert/strict";
import { test } from "node:test";
import { scene } from "../helpers/scene.ts";
import { signIn } from "../helpers/stored-session.ts";

test("FR-015 auth status sends nothing; with --check it requests the user from the service, once", async (t) => {
  const { saas, run, here, env } = await scene(t);
  await signIn(saas, env);
  assert.equal((await run("auth status")).code, 0);
  assert.equal((JSON.parse((await here("auth status --json")).stdout) as { checked: boolean }).checked, false);
  assert.equal(saas.requests.length, 0);

  const { code, stdout } = await run("auth status --check");
  assert.equal(code, 0);
  assert.match(stdout, /^ {2}Service +\S+ \(checked just now\)$/m);
  assert.deepEqual(
    saas.requests.map(({ method, path }) => `${method} ${path}`),
    ["GET /api/v1/me"],
  );
  assert.equal((JSON.parse((await here("auth status --check --json")).stdout) as { checked: boolean }).checked, true);
});
