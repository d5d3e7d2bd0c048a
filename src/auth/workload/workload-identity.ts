/** An identity to exchange for an access token. */
export interface WorkloadIdentity {
  /**
   * The source of identity tokens: `github-actions[:AUDIENCE]`, `gitlab[:VARIABLE]`, `kubernetes[:PATH]`, `file:PATH`
   * or `command:/PROGRAM ARGUMENTS`.
   */
  readonly source: string;
  /** The issuer of the access token, as it names itself; by default the program's, else the service. */
  readonly issuer?: string | undefined;
  /** `token-exchange` (RFC 8693) or `jwt-bearer` (RFC 7523); by default as in the issuer's metadata. */
  readonly grant?: string | undefined;
  /** What the access token is for: a name (RFC 8693 §2.1), or a URL (RFC 8707). */
  readonly audience?: string | undefined;
  readonly resource?: string | undefined;
  /** Separated by spaces. */
  readonly scope?: string | undefined;
  /** The requested type: `access_token`, `jwt` or a URI (RFC 8693 §3). By default the issuer decides. */
  readonly tokenType?: string | undefined;
}
