import { defaultClientId, type Setting, type Settings } from "./settings.ts";
import type { WorkloadIdentity } from "./overrides.ts";
import type { TokenGiver } from "../auth/token-manager/token-source.ts";
import { exchangeWorkload } from "../auth/workload/exchange.ts";
import { exchangedTokens } from "../auth/workload/exchanged-tokens.ts";
import type { IdentityWorld } from "../auth/workload/identity-token.ts";
import { parseWorkload } from "../auth/workload/workload.ts";

/**
 * The tokens that an identity is exchanged for, at the issuer and as the client of the settings.
 *
 * @param service - finds out the service in use
 * @throws AuthError `configuration_invalid` for an identity that cannot be used
 */
export function workloadTokens(
  { clientId, clientSecret, issuer }: Settings,
  named: Setting<WorkloadIdentity>,
  service: () => Promise<string>,
  world: IdentityWorld,
): TokenGiver {
  const workload = parseWorkload(named.value, named.source, issuer?.value);
  const client = { clientId: clientId?.value ?? defaultClientId, clientSecret };
  return exchangedTokens(
    async () => exchangeWorkload(workload, { ...client, service: await service() }, { ...world, random: Math.random }),
    world.clock,
  );
}
