import { defaultClientId, type Setting, type Settings } from "./settings.ts";
import { heldTokens } from "../auth/token-manager/held-tokens.ts";
import type { TokenGiver } from "../auth/token-manager/token-source.ts";
import { exchangeWorkload } from "../auth/workload/exchange.ts";
import type { IdentityWorld } from "../auth/workload/identity-token.ts";
import { parseWorkload } from "../auth/workload/workload.ts";
import type { WorkloadIdentity } from "../auth/workload/workload-identity.ts";

/**
 * Exchanges an identity for tokens, at the issuer and as the client of the settings.
 *
 * @param service - finds the service in use
 * @throws AuthError `configuration_invalid` for an unusable identity
 */
export function workloadTokens(
  { clientId, clientSecret, issuer }: Settings,
  named: Setting<WorkloadIdentity>,
  service: () => Promise<string>,
  world: IdentityWorld,
): TokenGiver {
  const workload = parseWorkload(named.value, named.source, issuer?.value);
  const client = { clientId: clientId?.value ?? defaultClientId, clientSecret };
  // Only the identity can renew one. A refresh token is dropped: its finder would need no identity any more.
  return heldTokens(
    async () => exchangeWorkload(workload, { ...client, service: await service() }, { ...world, random: Math.random }),
    world.clock,
  );
}
