import type { Revocation } from "../oauth/revocation.ts";
import type { LogoutOutcome } from "./logout.ts";

/** What a token is called in a sentence. */
export function tokenName({ token }: Pick<Revocation, "token">): string {
  return token.replace("_", " ");
}

/**
 * What to warn about when a session may live on at its service: every token that could not be revoked, or the session as a whole.
 *
 * @param previous - whether it is the session that a new login has replaced
 */
export function unconfirmed(outcome: LogoutOutcome, previous: boolean = false): string[] {
  const of = previous ? " of the previous login" : "";
  if ("tokens" in outcome) {
    return (outcome.tokens ?? []).flatMap(({ token, error }) => (error ? `the ${tokenName({ token })}${of} could not be revoked (${error.message}): it may remain valid until it expires` : []));
  }
  if (outcome.kind !== "local" || !outcome.error) return [];
  return [`the service did not confirm the end of the session${of} (${outcome.error.message}): its tokens may remain valid until they expire`];
}
