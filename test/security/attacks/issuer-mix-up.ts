// A hostile issuer's page leads to an honest one, where its own client is registered with this login's redirect URL:
// the honest code comes to the hostile issuer's login.
import assert from "node:assert/strict";
import { MockProvider } from "../../conformance/mock-provider.ts";
import { logInHere } from "../../helpers/command-here.ts";
import type { Attack } from "../stage.ts";

export const attack: Attack = async (stage) => {
  for (const isNamed of [true, false]) {
    const [hostile, honest] = [await MockProvider.start(), await MockProvider.start({ registers: true })];
    for (const provider of [hostile, honest]) stage.after(() => void provider.close());
    const { env } = await stage.scene({}, { SPEC_KITTY_SAAS_URL: undefined });
    // The honest issuer names itself in redirects, or the hostile one claims that all redirects do.
    if (isNamed)
      hostile.misbehaviour = { metadata: ({ authorization_response_iss_parameter_supported: _, ...rest }) => rest };
    else honest.misbehaviour = { redirect: (parameters) => parameters.delete("iss") };
    const { code, stdout, stderr } = await logInHere(
      ["auth", "login", "--issuer", hostile.issuer, "--client-id", "cli_native", "--scope", "openid"],
      env,
      {},
      async (address) => {
        const lured = new URL(`${honest.issuer}/authorize${new URL(address).search}`);
        const client = JSON.stringify({ redirect_uris: [lured.searchParams.get("redirect_uri")] });
        const registered = await fetch(`${honest.issuer}/register`, { method: "POST", body: client });
        lured.searchParams.set("client_id", ((await registered.json()) as { client_id: string }).client_id);
        await fetch(lured);
      },
    );
    assert.deepEqual([code, stdout], [1, ""], stderr);
    assert.match(stderr, /^error: the response (came from "|does not name its issuer)/m);
    assert.ok(!hostile.paths.includes("/token"), "the code went nowhere");
  }
  return "held";
};
