import { foreignHost, requireAgreedHost } from "../../auth/flows/agreed-host.ts";
import type { LoginRequest } from "../../auth/flows/login-request.ts";
import type { AuthFlow } from "../../auth/session.ts";
import { usageError, type Context } from "../command.ts";

/**
 * Has the user agree to a host that the issuer sends its users to, before anything is opened there. Both hosts are named, and no
 * option agrees to whatever host it is.
 *
 * @returns the request, with the host among those that are trusted
 * @throws AuthError `consent_required` when there is no terminal to ask on, or the answer is no
 */
export async function agreedHost({ out, terminal, signal }: Context, request: LoginRequest, flow: AuthFlow): Promise<LoginRequest> {
  const host = foreignHost(request, flow);
  if (host === undefined) return request;
  const { isInteractive, ask } = await terminal();
  const { issuer } = request.server;
  if (isInteractive) {
    out.say(`Logins at ${issuer} begin at another host: ${host}.`);
    out.say(`If the two do not belong together, ${new URL(issuer).host} could then act as you at ${host}.`);
    if (/^y(es)?$/i.test(await ask(`Trust ${host} with logins at ${new URL(issuer).host}? [y/N] `, signal))) {
      return { ...request, trustedHosts: [...request.trustedHosts, host] };
    }
  }
  requireAgreedHost(request, flow);
  return request;
}

/**
 * The values of `--trust-host`, as hosts are compared: in lower case, a port only where it is not the usual one.
 *
 * @throws AuthError `usage_invalid` for what is not a host
 */
export function parseHosts(hosts: readonly string[]): readonly string[] {
  return hosts.map((text) => {
    const url = URL.canParse(`https://${text}`) ? new URL(`https://${text}`) : undefined;
    if (url !== undefined && /^[\w.:[\]-]+$/.test(url.host) && url.href === `https://${url.host}/` && !/[/?#@]/.test(text)) return url.host;
    const meant = URL.canParse(text) ? new URL(text).host : "";
    throw usageError(`--trust-host is "${text}", not the name of a host`, `Try: --trust-host ${meant && /^[\w.:[\]-]+$/.test(meant) ? meant : "login.example"}`);
  });
}
