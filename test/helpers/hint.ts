import type { AuthError } from "../../src/base/errors.ts";
import { hintText } from "../../src/base/hint.ts";
import { ownIdentity } from "../../src/base/identity.ts";

/** The hint of an error as the command shows it on Linux; empty where it has none. */
export function hintOf(error: Pick<AuthError, "hint"> | undefined): string {
  return hintText(error?.hint ?? [], { identity: ownIdentity, platform: "linux" });
}
