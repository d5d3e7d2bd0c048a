import { foreignHost, requireAgreedHost } from "../../auth/flows/agreed-host.ts";
import type { LoginRequest } from "../../auth/flows/login-request.ts";
import type { AuthFlow } from "../../auth/session.ts";
import { AuthError, hint, login } from "../../base/errors.ts";
import type { App } from "../app.ts";
import type { LoginOptions } from "./options.ts";
import type { LoginTarget } from "./target.ts";

/**
 * Has the user agree to a host that the issuer sends its users to, with both hosts named, before anything is opened there.
 *
 * @returns the request, with the host among those that are trusted
 * @throws AuthError `consent_required` when there is nobody to ask, or the answer is no
 */
export async function agreedHost(
  request: LoginRequest,
  flow: AuthFlow,
  onConsent: LoginOptions["onConsent"],
): Promise<LoginRequest> {
  const host = foreignHost(request, flow);
  if (host === undefined) return request;
  const isAgreed = await onConsent?.({ about: "host", issuer: request.server.issuer, host });
  if (!isAgreed) requireAgreedHost(request, flow);
  return { ...request, trustedHosts: [...request.trustedHosts, host] };
}

/**
 * Has the user agree to the issuer that a protected resource names, where the client comes from the environment. At its own issuer that
 * client may get tokens without a question, and an issuer that knows no resources would give one that is good for everything: a lying
 * resource that names this issuer would get it (RFC 9728 §7.6). A client that is registered for the login has no such standing.
 *
 * @throws AuthError `consent_required` when there is nobody to ask, or the answer is no
 */
export async function agreedIssuer(
  { settings, identity }: App,
  target: LoginTarget,
  request: LoginRequest,
  onConsent: LoginOptions["onConsent"],
): Promise<LoginRequest> {
  const { service, resource } = target;
  const { issuer } = request.server;
  const { host, origin } = new URL(issuer);
  const isAmbient = settings.clientId?.source === identity.variable("CLIENT_ID");
  if (resource === undefined || !isAmbient || origin === new URL(service).origin || request.trustedHosts.includes(host))
    return request;
  if (await onConsent?.({ about: "host", issuer: service, host }))
    return { ...request, trustedHosts: [...request.trustedHosts, host] };
  throw new AuthError(
    "consent_required",
    `"${service}" takes the tokens of "${issuer}", and the client in the environment was not agreed to for that`,
    {
      hint: hint`Unset ${{ variable: "CLIENT_ID" }}. Or, only if you know from elsewhere that the two belong together: ${login(undefined, service, "--trust-host", host)}`,
    },
  );
}
