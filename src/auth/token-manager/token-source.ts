import type { Credential, Session } from "../sessions/session.ts";
import type { AccessTokenOptions } from "./access-token.ts";

export interface TokenGiver {
  /** Fails as `TokenManager.getAccessToken`. */
  getCredential(need: AccessTokenOptions): Promise<Credential>;
  /**
   * Call this when the service says that the session of a token ended.
   *
   * @returns when the next token may be good
   * @throws NotAuthenticatedError `session_ended` when there is none
   */
  sessionRefused(accessToken: string): Promise<void>;
}

/** The login lent to this process, and where it is stored. */
export interface Lender extends Pick<Session, "user" | "teams"> {
  readonly host: string;
  readonly profile: string;
  /** The only URL that the tokens go to. */
  readonly service: string;
  /** The id of the team chosen there. */
  readonly team: string | undefined;
  /** When the loan ends, milliseconds since 1970; undefined: with the lender. */
  readonly until: number | undefined;
}

/** Tokens from elsewhere: nothing is read, stored or removed here. */
export interface TokenSource extends TokenGiver {
  /** For messages: the variable or the program's option that named it. */
  readonly origin: string;
  /** `given`: one token, sent as is; `exchanged`: an identity for tokens; `lent`: by an agent. */
  readonly kind: "given" | "exchanged" | "lent";
  /** For `lent`; requested once. Fails as {@link TokenGiver.getCredential}. */
  readonly lender?: () => Promise<Lender>;
}
