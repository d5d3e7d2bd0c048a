import { parseIssuer } from "../../base/address.ts";
import { AuthError, hint } from "../../base/errors.ts";
import { identityGrants, type IdentityExchange, type IdentityGrant } from "../oauth/token-exchange.ts";
import { identitySources, parseIdentitySource, type IdentitySource } from "./identity-source.ts";
import type { WorkloadIdentity } from "./workload-identity.ts";

/** Undefined members are left to the issuer. */
export interface Workload {
  readonly source: IdentitySource;
  /** Undefined: the service is its own. */
  readonly issuer: string | undefined;
  readonly grant: IdentityGrant | undefined;
  readonly request: Omit<IdentityExchange, "identity" | "client_id">;
}

/**
 * @param origin - the variable or the program's option
 * @param issuer - where the identity names none
 * @throws {@link AuthError} `configuration_invalid`
 */
export function parseWorkload(named: WorkloadIdentity, origin: string, issuer: string | undefined): Workload {
  const source = parseIdentitySource(named.source);
  if (source === undefined)
    throw new AuthError("configuration_invalid", `${origin} is "${named.source}", not a source of identity tokens`, {
      hint: hint`Use one of: ${identitySources}. Name a program by its absolute path`,
    });
  const grant = identityGrants.find((known) => known === named.grant);
  if (named.grant !== undefined && grant === undefined)
    throw new AuthError(
      "configuration_invalid",
      `the grant is "${named.grant}", not one of ${identityGrants.join(", ")}`,
      {
        hint: hint`Try: ${{ variable: "IDENTITY_GRANT", value: "token-exchange" }}`,
      },
    );
  return {
    source,
    issuer: named.issuer === undefined ? issuer : parseIssuer(named.issuer, "the issuer of the identity"),
    grant,
    request: {
      audience: named.audience,
      resource: named.resource,
      scope: named.scope,
      requested_token_type: named.tokenType && tokenType(named.tokenType),
    },
  };
}

/** RFC 8693 §3: short names for some types. */
function tokenType(name: string): string {
  return name.includes(":") ? name : `urn:ietf:params:oauth:token-type:${name}`;
}
