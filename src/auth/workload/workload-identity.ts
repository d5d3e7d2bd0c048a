/** Value of {@link AuthOptions.identity}. */
export interface WorkloadIdentity {
  /**
   * `github-actions[:AUDIENCE]`, `gitlab[:VARIABLE]`, `kubernetes[:PATH]`, `file:PATH` or `command:/PROGRAM ARGUMENTS`.
   */
  readonly source: string;
  /** Of the access token; by default the program's, else the service. */
  readonly issuer?: string | undefined;
  /** `token-exchange` (RFC 8693) or `jwt-bearer` (RFC 7523); by default as in the issuer's metadata. */
  readonly grant?: string | undefined;
  /** A name (RFC 8693 §2.1). */
  readonly audience?: string | undefined;
  /** A URL (RFC 8707). */
  readonly resource?: string | undefined;
  readonly scope?: string | undefined;
  /** `access_token`, `jwt` or a URI (RFC 8693 §3); by default the issuer decides. */
  readonly tokenType?: string | undefined;
}
