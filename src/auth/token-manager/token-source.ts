import type { Credential, Session } from "../sessions/session.ts";
import type { AccessTokenOptions } from "./access-token.ts";

/** What gives out tokens. */
export interface TokenGiver {
  /** A token that is good for a caller. Fails as `TokenManager.getAccessToken`. */
  getCredential(need: AccessTokenOptions): Promise<Credential>;
  /**
   * Call this when the service says that the session of a token ended.
   *
   * @returns when the next token may be good
   * @throws NotAuthenticatedError `session_ended` when there is none
   */
  sessionRefused(accessToken: string): Promise<void>;
}

/** Whose login is lent to this process, and where it lives. */
export interface Lender extends Pick<Session, "user" | "teams"> {
  /** The name of the machine. */
  readonly host: string;
  readonly profile: string;
  /** The only address that the tokens go to. */
  readonly service: string;
  /** The id of the team that the user chose there. */
  readonly team: string | undefined;
  /** When the loan ends, milliseconds since 1970; undefined: when the lender does. */
  readonly until: number | undefined;
}

/** Where tokens come from when that is not a session that is stored here: nothing is then read, stored or removed here. */
export interface TokenSource extends TokenGiver {
  /** What named it, for messages: the name of a variable, or the option of a program. */
  readonly origin: string;
  /** `given`: one token, used as it is; `exchanged`: an identity for a token, again and again; `lent`: by an agent. */
  readonly kind: "given" | "exchanged" | "lent";
  /** Where it is `lent`; asked once. Fails as {@link TokenGiver.getCredential}. */
  readonly lender?: () => Promise<Lender>;
}
