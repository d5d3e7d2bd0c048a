// A thief with both tokens of a session that is bound to a key (RFC 9449).
import assert from "node:assert/strict";
import { createDpopKey, dpopProof } from "../../../src/auth/oauth/dpop-proof.ts";
import { provided } from "../../helpers/provided.ts";
import type { Attack } from "../stage.ts";

export const attack: Attack = async (stage) => {
  const { provider, here, session } = await provided(stage, { dpop: "plain" });
  const login = await here(`auth login --issuer ${provider.issuer} --client-id cli_native --scope openid`, {
    SPEC_KITTY_SAAS_URL: undefined,
  });
  assert.equal(login.code, 0, login.stderr);
  const { accessToken, refreshToken, dpopKey } = (await session()) ?? assert.fail("there is a session");
  const access = accessToken.reveal();
  // As a bearer token, and with a proof of the thief's key.
  const url = `${provider.resource}/userinfo`;
  const proof = dpopProof(createDpopKey(), { htm: "GET", htu: url, now: Date.now(), access_token: access });
  for (const headers of [{ authorization: `Bearer ${access}` }, { authorization: `DPoP ${access}`, dpop: proof }])
    assert.equal((await fetch(url, { headers })).status, 401);
  const body = new URLSearchParams({
    grant_type: "refresh_token",
    client_id: "cli_native",
    refresh_token: refreshToken?.reveal() ?? "",
  });
  assert.equal((await fetch(`${provider.issuer}/token`, { method: "POST", body })).status, 400);
  const key = dpopKey?.reveal() ?? assert.fail("the session has the key");
  const secret = /"d":"([^"]+)"/.exec(key)?.[1] ?? key;
  assert.ok(secret.length > 20);
  for (const { headers, form } of provider.requests)
    assert.ok(!JSON.stringify([headers, form]).includes(secret), "no request has the key");
  return "held";
};
