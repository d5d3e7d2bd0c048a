import type { Revocation } from "../auth/oauth/revocation.ts";
import type { Output } from "./output.ts";

/** What a token is called in a sentence. */
export function tokenName({ token }: Pick<Revocation, "token">): string {
  return token.replace("_", " ");
}

/**
 * Warns about every token that could not be revoked.
 *
 * @param of - which session they are of, if that is not obvious: ` of the previous login`
 */
export function warnOfRevocations(out: Output, results: readonly Revocation[], of = ""): void {
  for (const { token, error } of results) {
    if (error) out.warn(`the ${tokenName({ token })}${of} could not be revoked (${error.message}): it may remain valid until it expires`);
  }
}
