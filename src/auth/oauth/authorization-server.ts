/** By the names of its metadata (RFC 8414 §2). */
export interface AuthorizationServer {
  readonly issuer: string;
  readonly authorization_endpoint: string;
  readonly token_endpoint: string;
  readonly device_authorization_endpoint?: string;
  /** `/api/v1/me`, or OpenID Connect's UserInfo endpoint. */
  readonly userinfo_endpoint?: string;
  /** The service's own, not in RFC 8414. */
  readonly logout_endpoint?: string;
  readonly jwks_uri?: string;
  /** It may know more scopes (RFC 8414 §2). */
  readonly scopes_supported?: readonly string[];
  /** It may accept more grants (RFC 8414 §2). */
  readonly grant_types_supported?: readonly string[];
  readonly token_endpoint_auth_methods_supported?: readonly string[];
  /** RFC 7591 §3. */
  readonly registration_endpoint?: string;
  /** RFC 7009. */
  readonly revocation_endpoint?: string;
  /** RFC 9126 §5. */
  readonly pushed_authorization_request_endpoint?: string;
  readonly require_pushed_authorization_requests?: boolean;
  /** Then a redirect without `iss` comes from another server (RFC 9207 §3). */
  readonly authorization_response_iss_parameter_supported?: boolean;
  readonly dpop_signing_alg_values_supported?: readonly string[];
  /** OpenID Connect Discovery §3; an ID token with another algorithm is not from this server. */
  readonly id_token_signing_alg_values_supported?: readonly string[];
}

export interface KnownServer {
  readonly server: AuthorizationServer;
  /** If false, only the default endpoints are tried. */
  readonly isDiscovered: boolean;
  /** Undefined when the response settled nothing: not to be saved. */
  readonly askedAt: number | undefined;
}

/** For a service without metadata. `issuer`: without a trailing `/`. */
export function defaultAuthorizationServer(
  issuer: string,
): AuthorizationServer & Required<Pick<AuthorizationServer, "userinfo_endpoint" | "logout_endpoint">> {
  return {
    issuer,
    authorization_endpoint: `${issuer}/oauth/authorize`,
    token_endpoint: `${issuer}/oauth/token`,
    device_authorization_endpoint: `${issuer}/oauth/device`,
    userinfo_endpoint: `${issuer}/api/v1/me`,
    logout_endpoint: `${issuer}/api/v1/logout`,
  };
}
