// A hostile issuer's page leads to an honest one, which knows this program by its own redirect path and does not name
// itself.
import assert from "node:assert/strict";
import { MockProvider } from "../../conformance/mock-provider.ts";
import { approve } from "../../fake-saas/user.ts";
import { logInHere } from "../../helpers/command-here.ts";
import type { Attack } from "../stage.ts";

export const attack: Attack = async (stage) => {
  const hostile = await MockProvider.start();
  stage.after(() => void hostile.close());
  hostile.misbehaviour = { metadata: ({ authorization_response_iss_parameter_supported: _, ...rest }) => rest };
  const { saas, env } = await stage.scene({}, { SPEC_KITTY_SAAS_URL: undefined });
  const args = ["auth", "login", "--issuer", hostile.issuer, "--client-id", "cli_native", "--scope", "openid"];
  const { code } = await logInHere(args, env, {}, async (address) => {
    const lured = new URL(`${saas.url}/oauth/authorize${new URL(address).search}`);
    assert.match((await approve(lured.href)).page, /the redirect URL is not registered/);
    // The honest issuer's path is not this login's.
    const { origin } = new URL(lured.searchParams.get("redirect_uri") ?? "");
    lured.searchParams.set("redirect_uri", `${origin}/callback`);
    assert.equal((await approve(lured.href)).status, 404);
    // The user gives up.
    process.emit("SIGINT");
  });
  assert.equal(code, 130, "the login was still waiting");
  assert.ok(!hostile.paths.includes("/token"));
  return "held";
};
