import type { LogoutOutcome } from "../auth/flows/logout.ts";
import type { Revocation } from "../auth/oauth/revocation.ts";
import type { Output } from "./output.ts";

/** What a token is called in a sentence. */
export function tokenName({ token }: Pick<Revocation, "token">): string {
  return token.replace("_", " ");
}

/**
 * Warns when a session may live on at its service: of every token that could not be revoked, or of the session as a whole.
 *
 * @param previous - whether it is the session that a new login has replaced
 */
export function warnOfOutcome(out: Output, outcome: LogoutOutcome, previous: boolean = false): void {
  const of = previous ? " of the previous login" : "";
  if ("tokens" in outcome) {
    for (const { token, error } of outcome.tokens ?? []) {
      if (error) out.warn(`the ${tokenName({ token })}${of} could not be revoked (${error.message}): it may remain valid until it expires`);
    }
  } else if (outcome.kind === "local" && outcome.error) {
    out.warn(`the service did not confirm the end of the session${of} (${outcome.error.message}): its tokens may remain valid until they expire`);
  }
}
