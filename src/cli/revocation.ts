import type { Revocation } from "../auth/oauth/revocation.ts";
import type { Output } from "./output.ts";

/** A token, as it is called in a sentence. */
export function tokenName({ token }: Pick<Revocation, "token">): string {
  return token.replace("_", " ");
}

/**
 * Tells of every token that could not be revoked.
 *
 * @param whose - which tokens they are, where that is not plain
 */
export function warnOfRevocations(out: Output, results: readonly Revocation[], whose = ""): void {
  for (const { token, error } of results) {
    if (error) out.warn(`the ${tokenName({ token })}${whose} could not be revoked (${error.message}): it may live on until it expires`);
  }
}
