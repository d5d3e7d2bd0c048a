/**
 * An authorization server as RFC 8414 describes one, under the names of its metadata. What is not listed here is not used.
 */
export interface AuthorizationServer {
  readonly issuer: string;
  readonly authorization_endpoint: string;
  readonly token_endpoint: string;
  readonly device_authorization_endpoint?: string;
  /** Where the service says who is logged in: its own `/api/v1/me`, or OpenID Connect's UserInfo endpoint. */
  readonly userinfo_endpoint?: string;
  /** Where a session is ended: the service's own, not of RFC 8414. */
  readonly logout_endpoint?: string;
  /** Where the keys are that its ID tokens are signed with (RFC 7517 §5). */
  readonly jwks_uri?: string;
  /** RFC 7009. */
  readonly revocation_endpoint?: string;
  /** RFC 9126 §5. */
  readonly pushed_authorization_request_endpoint?: string;
  /** It takes no authorization request that was not pushed (RFC 9126 §5). */
  readonly require_pushed_authorization_requests?: boolean;
  /** Its redirects always carry `iss`, so that one without is not from it (RFC 9207 §3). */
  readonly authorization_response_iss_parameter_supported?: boolean;
  /** It binds tokens to a key, by proofs signed in one of these ways (RFC 9449 §5.1). */
  readonly dpop_signing_alg_values_supported?: readonly string[];
  /** OpenID Connect Discovery §3; an ID token signed in another way is not from it. */
  readonly id_token_signing_alg_values_supported?: readonly string[];
}

/** Where an authorization server has its endpoints when it publishes no metadata. */
const defaultPaths = {
  authorization_endpoint: "/oauth/authorize",
  token_endpoint: "/oauth/token",
  device_authorization_endpoint: "/oauth/device",
  userinfo_endpoint: "/api/v1/me",
  logout_endpoint: "/api/v1/logout",
} as const;

/**
 * The authorization server as it is when it publishes no metadata.
 *
 * @param issuer - its address
 * @param service - the service's address from `parseServiceUrl`, which is the issuer as well unless the user names another
 */
export function defaultAuthorizationServer(issuer: string, service: string = issuer): AuthorizationServer {
  const base = issuer.replace(/\/$/, "");
  return {
    issuer,
    authorization_endpoint: base + defaultPaths.authorization_endpoint,
    token_endpoint: base + defaultPaths.token_endpoint,
    device_authorization_endpoint: base + defaultPaths.device_authorization_endpoint,
    userinfo_endpoint: service + defaultPaths.userinfo_endpoint,
    logout_endpoint: base + defaultPaths.logout_endpoint,
  };
}
