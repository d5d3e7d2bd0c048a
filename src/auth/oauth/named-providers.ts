import type { AuthorizationServer } from "./authorization-server.ts";

/** A provider that needs more than its URL, by its documentation. */
export interface NamedProvider {
  readonly name: ProviderName;
  readonly documentation: string;
  /** For the help. */
  readonly limitations: string;
  /** `TENANT` stands for a tenant's id. */
  readonly issuer: string;
  /** For a provider without metadata. */
  readonly server?: AuthorizationServer;
  readonly service: string;
  /** Requested unless the user says otherwise. */
  readonly scope: string;
  readonly extra: Readonly<Record<string, string>>;
  readonly hosts: readonly string[];
  readonly redirectHost?: "localhost";
  readonly needsSecret: "never" | "browser" | "always";
  /** Revoking one token ends every login of this user with this client. */
  readonly revokesAll?: boolean;
}

export const providerNames = ["github", "google", "microsoft"] as const;
type ProviderName = (typeof providerNames)[number];

const githubIssuer = "https://github.com/login/oauth";
const providers: Readonly<Record<ProviderName, Omit<NamedProvider, "name">>> = {
  github: {
    documentation: "https://docs.github.com/apps/building-oauth-apps/authorizing-oauth-apps",
    limitations: "no refresh token and no expiry; without a client secret, only device login; local logout only",
    issuer: githubIssuer,
    server: {
      issuer: githubIssuer,
      authorization_endpoint: "https://github.com/login/oauth/authorize",
      token_endpoint: "https://github.com/login/oauth/access_token",
      device_authorization_endpoint: "https://github.com/login/device/code",
      userinfo_endpoint: "https://api.github.com/user",
      token_endpoint_auth_methods_supported: ["client_secret_post"],
    },
    service: "https://api.github.com",
    scope: "read:user user:email",
    extra: {},
    hosts: [],
    needsSecret: "browser",
  },
  google: {
    documentation: "https://developers.google.com/identity/protocols/oauth2/native-app",
    limitations: "requires a client secret; a logout ends every login of the user with this client",
    issuer: "https://accounts.google.com",
    service: "https://www.googleapis.com",
    scope: "openid email profile",
    // Instead of the scope `offline_access`; a second login gets a refresh token only after consent.
    extra: { access_type: "offline", prompt: "consent" },
    hosts: ["oauth2.googleapis.com"],
    needsSecret: "always",
    revokesAll: true,
  },
  microsoft: {
    documentation: "https://learn.microsoft.com/en-us/entra/identity-platform/v2-protocols-oidc",
    limitations:
      "one issuer for each tenant (--tenant, default: common); scopes of one resource at a time; local logout only",
    issuer: "https://login.microsoftonline.com/TENANT/v2.0",
    service: "https://graph.microsoft.com",
    scope: "openid profile email offline_access User.Read",
    extra: { prompt: "select_account" },
    hosts: [],
    redirectHost: "localhost",
    needsSecret: "never",
  },
};

export interface ChosenProvider {
  readonly name: ProviderName;
  /** A tenant's id or domain, or a provider's word for several tenants; `common` by default. */
  readonly tenant?: string | undefined;
}

export function namedProvider({ name, tenant = "common" }: ChosenProvider): NamedProvider {
  const provider = providers[name];
  return { ...provider, name, issuer: provider.issuer.replace("TENANT", tenant) };
}

export function hasTenants(name: ProviderName): boolean {
  return providers[name].issuer.includes("TENANT");
}

/** ID tokens have the tenant's id instead, and in `tid`. */
export const tenantPlaceholder = "{tenantid}";

/**
 * A tenant named by its id is that issuer; one named by its domain has an id that only the provider knows; for several
 * tenants the provider writes a placeholder.
 */
export function isIssuerOf({ name, issuer }: NamedProvider, found: string): boolean {
  if (found === issuer || !hasTenants(name)) return found === issuer;
  const [before = "", after = ""] = providers[name].issuer.split("TENANT");
  if (!found.startsWith(before) || !found.endsWith(after)) return false;
  const tenant = found.slice(before.length, found.length - after.length);
  const named = issuer.slice(before.length, issuer.length - after.length);
  if (named === "common" || named === "organizations") return tenant === tenantPlaceholder;
  return !isTenantId(named) && isTenantId(tenant);
}

export function isTenantId(text: string): boolean {
  return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
}
