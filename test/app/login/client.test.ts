import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { MockProvider } from "../../conformance/mock-provider.ts";
import { loginAt, provided } from "../../helpers/provided.ts";
import { filesUnder } from "../../helpers/scene.ts";

for (const method of ["client_secret_basic", "client_secret_post", "unlisted"] as const) {
  test(`a client secret is presented as the metadata says (${method}), at every endpoint, and kept sealed with the profile`, async (t) => {
    const secret = "not really: secret & shared+";
    const { provider, here, env } = await provided(t, { client: { secret, method }, par: "required", dpop: "nonces" });
    const refused = await here(loginAt(provider));
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /^hint: Check SPEC_KITTY_CLIENT_ID and, if there is one, SPEC_KITTY_CLIENT_SECRET$/m);

    const file = join(env["HOME"] ?? "", "client-secret");
    writeFileSync(file, `${secret}\n`);
    assert.equal((await here(`${loginAt(provider)} --client-secret-file ${file}`)).code, 0);
    rmSync(file);
    for (const args of [
      "auth refresh",
      "auth login --force",
      "auth refresh",
      "auth logout",
      "auth login",
      "auth logout",
    ])
      assert.equal((await here(args)).code, 0, args);
    // The request without the secret was refused; later ones have it, and UserInfo has never seen it.
    assert.equal(provider.requests.filter(({ path, status }) => status === 401 && path !== "/userinfo").length, 1);
    assert.ok(
      provider.requests.every(
        ({ path, headers }) => path !== "/userinfo" || headers.authorization?.startsWith("DPoP "),
      ),
    );
    for (const [path, content] of filesUnder(env["HOME"] ?? "")) assert.ok(!content.includes(secret), path);

    const other = await MockProvider.start();
    t.after(() => other.close());
    assert.equal((await here(`${loginAt(other)} --force`)).code, 0);
    assert.ok(
      other.requests.every(
        ({ form, headers }) =>
          (form["client_secret"] === undefined && headers.authorization === undefined) ||
          headers.authorization?.startsWith("Bearer "),
      ),
    );
    assert.equal(
      (await here(`${loginAt(provider)} --force --profile variable`, { SPEC_KITTY_CLIENT_SECRET: secret })).code,
      0,
    );
  });
}
