// A hostile issuer whose page sends the browser on to an honest one, where its own client is registered with the redirect address that it was
// told: the code of the honest one comes back to the login at the hostile one.
import assert from "node:assert/strict";
import { MockProvider } from "../../conformance/mock-provider.ts";
import { logInHere } from "../../helpers/command-here.ts";
import type { Attack } from "../stage.ts";

export const attack: Attack = async (stage) => {
  for (const isNamed of [true, false]) {
    const [hostile, honest] = [await MockProvider.start(), await MockProvider.start({ registers: true })];
    for (const provider of [hostile, honest]) stage.after(() => void provider.close());
    const { env } = await stage.scene({}, { SPEC_KITTY_SAAS_URL: undefined });
    // Either the honest issuer names itself in its redirects, or the hostile one has said that all redirects do.
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
