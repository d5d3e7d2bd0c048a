import { namedProvider } from "../../auth/oauth/named-providers.ts";
import { AuthError } from "../../base/errors.ts";
import { hint, login } from "../../base/hint.ts";
import { defaultClientId } from "../settings.ts";
import type { LoginTarget } from "./target.ts";

/** Why only a device login works for a client of this provider, if that is so. */
export function deviceReason({ provider, clientSecret }: LoginTarget): string | undefined {
  const isMissing = provider !== undefined && namedProvider(provider).needsSecret === "browser" && clientSecret === undefined;
  return isMissing ? `${provider.name} requires a client secret for a login in the browser` : undefined;
}

/**
 * Checks, before the provider is asked anything, that there is a client for it: nobody can register one for all who run this program.
 *
 * @throws AuthError `configuration_invalid`
 */
export function requireClient({ provider, clientId, clientSecret }: LoginTarget, flow: "browser" | "device"): void {
  if (provider === undefined) return;
  const { needsSecret, documentation } = namedProvider(provider);
  const again = (...options: string[]): ReturnType<typeof login> => login(undefined, "--provider", provider.name, ...options);
  if (clientId === defaultClientId) {
    throw new AuthError("configuration_invalid", `${provider.name} requires a client of your own, and no client ID was given`, {
      hint: hint`Register one as ${documentation} says, then run: ${again("--client-id", "ID")}`,
    });
  }
  if (clientSecret === undefined && (needsSecret === "always" || (needsSecret === "browser" && flow === "browser"))) {
    throw new AuthError("configuration_invalid", `${provider.name} requires the client secret that it gave with the client ID`, {
      hint: hint`Set ${{ variable: "CLIENT_SECRET" }}, or run: ${again("--client-secret-file", "FILE")}`,
    });
  }
}
