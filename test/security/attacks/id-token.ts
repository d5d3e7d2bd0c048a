// ID tokens that are forged, or issued to another client.
import assert from "node:assert/strict";
import { provided } from "../../helpers/provided.ts";
import type { Attack } from "../stage.ts";

export const attack: Attack = async (stage) => {
  const { provider, here, session } = await provided(stage);
  for (const misbehaviour of [
    { idToken: (claims: Record<string, unknown>) => ({ ...claims, aud: "another-client" }) },
    { idToken: (claims: Record<string, unknown>) => ({ ...claims, iss: "https://evil.example" }) },
    { idToken: (claims: Record<string, unknown>) => ({ ...claims, nonce: "of another login" }) },
    { idToken: (claims: Record<string, unknown>) => ({ ...claims, exp: 1 }) },
    { header: { alg: "none" }, forge: (token: string) => token.replace(/[^.]*$/, "") },
    { forge: (token: string) => token.replace(/\.[^.]*$/, `.${"A".repeat(342)}`) },
  ]) {
    provider.misbehaviour = misbehaviour;
    const args = `auth login --issuer ${provider.issuer} --client-id cli_native --scope openid`;
    const { code, stdout, stderr } = await here(args, { SPEC_KITTY_SAAS_URL: undefined });
    assert.deepEqual([code, stdout], [1, ""], stderr);
    assert.equal(await session(), undefined);
  }
  return "held";
};
