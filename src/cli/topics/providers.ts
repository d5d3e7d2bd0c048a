import { namedProvider, providerNames } from "../../auth/oauth/named-providers.ts";
import type { Identity } from "../../base/identity.ts";
import { bulletList } from "../format.ts";

export function text({ command, variable }: Identity): string {
  const named = bulletList(
    providerNames.map((name) => {
      const { limitations, service, documentation } = namedProvider({ name });
      return [name, `${limitations}. Tokens for ${service}. ${documentation}`] as const;
    }),
  );
  const byAddress = bulletList([
    ["Auth0", "https://TENANT.auth0.com, or your own domain; application type Native"],
    [
      "Okta",
      "https://ORGANIZATION.okta.com/oauth2/default; native application with refresh tokens and, for --headless, the device grant",
    ],
    [
      "Keycloak",
      "https://HOST/realms/REALM; client without client authentication, with standard flow and device grant",
    ],
    ["GitLab", "https://gitlab.com, or your own host; non-confidential application"],
    ["Zitadel", "https://INSTANCE.zitadel.cloud; application type Native"],
  ]);
  return `Register this program as a public native client (RFC 8252), with the redirect URL http://127.0.0.1/callback, for any port. If the issuer does not name itself in redirects (RFC 9207), the redirect path is /callback/…; the first login prints the URL to register, and --redirect-path sets another path. Then log in:

    ${command} auth login URL --client-id ID

URL is the issuer:

${byAddress}

URL may also be a protected resource (RFC 9728), such as an MCP server. Without a client ID, the login registers a client if the issuer
allows it. A client ID may be the URL of your client metadata document.

Some providers have a name instead of a URL:

    ${command} auth login --provider NAME --client-id ID

${named}

Their redirect URL ends in /callback/NAME; at Microsoft, its host is localhost. If the provider requires a client secret, pass it in
${variable("CLIENT_SECRET")} or --client-secret-file. It is not confidential: every copy of a program has it.`;
}
