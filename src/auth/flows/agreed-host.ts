import { withoutEndSlashes } from "../../base/address.ts";
import { AuthError, hint, login } from "../../base/errors.ts";
import type { AuthFlow } from "../sessions/session.ts";
import type { LoginRequest } from "./login-request.ts";

/**
 * The host of a login that is not the issuer's and that the user has not agreed to by name.
 *
 * An issuer may publish another server's authorization or device endpoint, with a token endpoint of its own. The user
 * then logs in at the genuine server, and the issuer gets code and verifier, all it takes to redeem it (S-011). A
 * foreign token endpoint does no such harm: it gets the issuer's own code.
 */
export function foreignHost(
  { server, trustedHosts }: Pick<LoginRequest, "server" | "trustedHosts">,
  flow: AuthFlow,
): string | undefined {
  const endpoint = flow === "device_code" ? server.device_authorization_endpoint : server.authorization_endpoint;
  if (endpoint === undefined) return undefined;
  const { origin, host } = new URL(endpoint);
  return origin === new URL(server.issuer).origin || trustedHosts.includes(host) ? undefined : host;
}

/**
 * Call this before the user or a request is sent anywhere.
 *
 * @throws {@link AuthError} `consent_required` for a {@link foreignHost}
 */
export function requireAgreedHost(
  request: Pick<LoginRequest, "service" | "server" | "trustedHosts">,
  flow: AuthFlow,
): void {
  const host = foreignHost(request, flow);
  if (host === undefined) return;
  const {
    service,
    server: { issuer },
  } = request;
  const place = withoutEndSlashes(issuer) === service ? [issuer] : [issuer, "--service", service];
  throw new AuthError(
    "consent_required",
    `logins at "${issuer}" use a login page on another host, "${host}", and that needs your approval`,
    {
      hint: hint`If you know from another source that ${host} belongs to ${new URL(issuer).host}, log in again: ${login(undefined, ...place, "--trust-host", host)}`,
    },
  );
}
