/** Whose identity is exchanged for an access token, and for which one. */
export interface WorkloadIdentity {
  /**
   * Where the identity token comes from: `github-actions[:AUDIENCE]`, `gitlab[:VARIABLE]`, `kubernetes[:PATH]`, `file:PATH` or
   * `command:/PROGRAM ARGUMENTS`.
   */
  readonly source: string;
  /** The issuer of the access token, exactly as it names itself; by default that of the program, else the service. */
  readonly issuer?: string | undefined;
  /** `token-exchange` (RFC 8693) or `jwt-bearer` (RFC 7523); by default the one that the issuer's metadata lists. */
  readonly grant?: string | undefined;
  /** What the access token is for: a name (RFC 8693 §2.1), or an address (RFC 8707). */
  readonly audience?: string | undefined;
  readonly resource?: string | undefined;
  /** Separated by spaces. */
  readonly scope?: string | undefined;
  /** The kind of token to ask for: `access_token`, `jwt` or a URI (RFC 8693 §3). By default the issuer decides. */
  readonly tokenType?: string | undefined;
}
