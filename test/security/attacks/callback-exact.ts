// Pages and programs that reach the port during a login, to end it or to complete it with their own code.
import assert from "node:assert/strict";
import { ask } from "../../auth/loopback/listener.ts";
import { approve } from "../../fake-saas/user.ts";
import { logInHere } from "../../helpers/command-here.ts";
import { assertLoggedIn, type Attack } from "../stage.ts";

export const attack: Attack = async (stage) => {
  const { saas, env } = await stage.scene();
  const result = await logInHere(["auth", "login"], env, {}, async (address) => {
    const { searchParams } = new URL(address);
    const [redirectUri = "", state = ""] = ["redirect_uri", "state"].map((name) => searchParams.get(name) ?? "");
    const right = `?code=stolen&state=${state}`;
    const { origin, port } = new URL(redirectUri);
    for (const [status, url, options] of [
      [421, redirectUri + right, { headers: { host: `evil.example:${port}` } }],
      [421, redirectUri + right, { headers: { host: `127.0.0.1:${Number(port) + 1}` } }],
      [403, redirectUri + right, { headers: { origin: "https://evil.example" } }],
      [403, redirectUri + right, { headers: { origin: "null" } }],
      [405, redirectUri + right, { method: "POST" }],
      [405, redirectUri + right, { method: "HEAD" }],
      [404, `${redirectUri}/${right}`, {}],
      [404, `${origin}/favicon.ico`, {}],
      [303, `${redirectUri}?code=stolen`, {}],
      [303, `${redirectUri}?code=stolen&state=${"x".repeat(43)}`, {}],
      [303, `${redirectUri}?error=access_denied`, {}],
      [303, `${redirectUri}${right}&state=${state}`, {}],
      [303, `${redirectUri}${right}&code=other`, {}],
    ] as const) {
      const answer = await ask(url, options);
      assert.equal(answer.status, status, url);
      if (status === 303) assert.equal(answer.headers["location"], "/not-this-login");
    }
    await approve(address);
  });
  assertLoggedIn(result, "alice");
  assert.equal(saas.count("/oauth/token"), 1);
  return "held";
};
