// An attacker reads the whole redirect with its code, and redeems it first.
import assert from "node:assert/strict";
import { approve } from "../../fake-saas/user.ts";
import { logInHere } from "../../helpers/command-here.ts";
import { assertLoggedIn, type Attack } from "../stage.ts";

export const attack: Attack = async (stage) => {
  const { saas, env } = await stage.scene();
  const result = await logInHere(["auth", "login"], env, {}, async (address) => {
    const { searchParams } = new URL(address);
    assert.deepEqual(
      [...searchParams.keys()].filter((name) => /verifier/.test(name)),
      [],
    );
    assert.equal(searchParams.get("code_challenge_method"), "S256");
    const { callback = "" } = await approve(address, { follow: false });
    const stolen = new URL(callback).searchParams.get("code") ?? "";
    const [redirect_uri = "", challenge = ""] = ["redirect_uri", "code_challenge"].map(
      (name) => searchParams.get(name) ?? "",
    );
    for (const verifier of [undefined, challenge, "x".repeat(43)]) {
      const form = { grant_type: "authorization_code", code: stolen, client_id: "cli_native", redirect_uri };
      const body = new URLSearchParams({ ...form, ...(verifier && { code_verifier: verifier }) });
      const { status } = await fetch(`${saas.url}/oauth/token`, { method: "POST", body });
      assert.equal(status, 400, `verifier ${verifier}`);
    }
    // Each code has one chance; the user's own is a new one.
    await approve(address);
  });
  assertLoggedIn(result, "alice");
  return "held";
};
