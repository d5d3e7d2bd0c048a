import { namedProvider, providerNames } from "../../auth/oauth/named-providers.ts";
import type { Identity } from "../../base/identity.ts";
import { bulletList } from "../format.ts";

export function text({ command, variable }: Identity): string {
  const named = bulletList(
    providerNames.map((name) => {
      const { limitations, service, documentation } = namedProvider({ name });
      return [name, `${limitations}. The tokens are for ${service}. ${documentation}`] as const;
    }),
  );
  const byAddress = bulletList([
    ["Auth0", "https://TENANT.auth0.com, or your own domain; an application of type Native"],
    [
      "Okta",
      "https://ORGANIZATION.okta.com/oauth2/default; a native application with refresh tokens and, for `--headless`, the device grant",
    ],
    [
      "Keycloak",
      "https://HOST/realms/REALM; a client without client authentication, with standard flow and device grant",
    ],
    ["GitLab", "https://gitlab.com, or your own host; an application that is not confidential"],
    ["Zitadel", "https://INSTANCE.zitadel.cloud; an application of type Native"],
  ]);
  return `Register this program as a public native client (RFC 8252) at the provider. Its redirect address is http://127.0.0.1/callback, with any
port, if the provider's metadata says that its redirects name the issuer (RFC 9207). Otherwise each issuer has a path of its own,
/callback/…, which the first login prints; where only another path can be registered, pass it with --redirect-path. Then log in:

    ${command} auth login ADDRESS --client-id ID

ADDRESS is the issuer, for example:

${byAddress}

ADDRESS may also be a protected resource that names its issuer (RFC 9728), as an MCP server does. Without a client ID this program
registers itself, if the issuer allows it. A client ID may be the address of a client metadata document that you publish.

For some providers an address is not enough. Name them instead:

    ${command} auth login --provider NAME --client-id ID

${named}

For these the redirect address ends in /callback/NAME; Microsoft accepts it with the host localhost. A client secret that a provider gives
to a native client is in every copy of the program, so it is not secret, and PKCE protects the login. Pass it in
${variable("CLIENT_SECRET")}, or with --client-secret-file.`;
}
