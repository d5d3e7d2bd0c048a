import assert from "node:assert/strict";
import { inspect } from "node:util";
import { AuthError, type AuthErrorCode } from "../../src/base/errors.ts";
import { hintText } from "../../src/base/hint.ts";
import { ownIdentity } from "../../src/base/identity.ts";

/** As shown on Linux; empty if none. */
export function hintOf(
  error: { readonly next?: AuthError["next"]; readonly hint?: string | undefined } | undefined,
): string {
  if (error?.next === undefined) return error?.hint ?? "";
  return hintText(error.next, { identity: ownIdentity, platform: "linux" });
}

/** For `assert.rejects` and `assert.throws`: an {@link AuthError} with this code, message and hint. */
export function refusedWith(code: AuthErrorCode, message: RegExp, hint: RegExp = /^/): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof AuthError, inspect(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    assert.match(hintOf(error), hint);
    return true;
  };
}
