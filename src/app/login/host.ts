import { foreignHost, requireAgreedHost } from "../../auth/flows/agreed-host.ts";
import type { LoginRequest } from "../../auth/flows/login-request.ts";
import type { AuthFlow } from "../../auth/session.ts";
import type { LoginOptions } from "./options.ts";

/**
 * Has the user agree to a host that the issuer sends its users to, before anything is opened there.
 *
 * @param onConsent - asks the user, with both hosts named
 * @returns the request, with the host among those that are trusted
 * @throws AuthError `consent_required` when there is nobody to ask, or the answer is no
 */
export async function agreedHost(request: LoginRequest, flow: AuthFlow, onConsent: LoginOptions["onConsent"]): Promise<LoginRequest> {
  const host = foreignHost(request, flow);
  if (host === undefined) return request;
  const isAgreed = await onConsent?.({ about: "host", issuer: request.server.issuer, host });
  if (!isAgreed) requireAgreedHost(request, flow);
  return { ...request, trustedHosts: [...request.trustedHosts, host] };
}
