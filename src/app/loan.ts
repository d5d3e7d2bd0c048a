import type { App } from "./app.ts";
import type { Settings } from "./settings.ts";
import { parseAgentValue } from "../agent/address.ts";
import { agentClient } from "../agent/client.ts";
import { heldTokens } from "../auth/token-manager/held-tokens.ts";
import type { Lender, TokenGiver } from "../auth/token-manager/token-source.ts";
import { AuthError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";

/**
 * The login lent by an agent. What the user names must match it: tokens must not go to another account's place or
 * another service (S-001).
 *
 * @param value - of the variable `origin`
 * @throws AuthError `configuration_invalid`
 */
export function lentTokens(
  { profile, service }: Settings,
  value: Secret,
  origin: string,
  { identity, clock }: Pick<App, "identity" | "clock">,
): TokenGiver & { lender: () => Promise<Lender> } {
  const agent = agentClient(parseAgentValue(value, origin), { origin, userAgent: identity.userAgent, clock });
  const mustBe = (named: { value: string; source: string } | undefined, lent: string): void => {
    if (named !== undefined && named.value !== lent)
      throw new AuthError("configuration_invalid", `${named.source} is ${named.value}, but the agent lends ${lent}`, {
        hint: [
          `${/^[A-Z]/.test(named.source) ? "Unset" : "Omit"} ${named.source}, or use the login here: `,
          { set: origin, value: null },
        ],
      });
  };
  let asked: Promise<Lender> | undefined;
  const ask = async (): Promise<Lender> => {
    const { expires_in, team, ...loan } = await agent.loan();
    mustBe(service, loan.service);
    mustBe(profile, loan.profile);
    const until = typeof expires_in === "number" ? clock.now() + expires_in * 1000 : undefined;
    return { ...loan, team: team ?? undefined, until };
  };
  const lender = (): Promise<Lender> =>
    (asked ??= ask().catch((error: unknown) => {
      asked = undefined;
      throw error;
    }));
  const tokens = heldTokens(async (need) => {
    const { user } = await lender();
    return { ...(await agent.token(need)), user };
  }, clock);
  return { ...tokens, lender };
}
