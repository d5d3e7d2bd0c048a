import { withoutEndSlashes } from "../../base/address.ts";
import { AuthError } from "../../base/errors.ts";
import { type ExchangeOptions, readJsonObject, send } from "../../http/request.ts";
import { defaultAuthorizationServer, type KnownServer } from "../oauth/authorization-server.ts";
import { discoverAuthorizationServer } from "../oauth/discovery.ts";
import { challengedResource, wellKnownResource, type ProtectedResource } from "../oauth/protected-resource.ts";

export type NamedAddress =
  /** `issuer`: publishes metadata; `service`: has the default endpoints' API. */
  | { readonly kind: "issuer" | "service"; readonly known: KnownServer }
  | { readonly kind: "resource"; readonly resource: ProtectedResource };

/**
 * A trailing `/` belongs to some issuers' names and is easily omitted. Both spellings have the same metadata, whose
 * spelling becomes the issuer: nobody else can publish there.
 */
export async function identifyAddress(address: string, exchange: ExchangeOptions): Promise<NamedAddress> {
  // First: a resource may be its own issuer, and would not get its tokens as one.
  const challenged = await challengedResource(address, exchange);
  if (challenged !== undefined) return { kind: "resource", resource: challenged };
  const askedAt = exchange.clock.now();
  const isSame = (found: string): boolean => bare(found) === bare(address);
  const discovery = await discoverAuthorizationServer(address, exchange, isSame).catch((error: unknown) => {
    // Another issuer's metadata on the same host says nothing about this URL.
    if (!(error instanceof AuthError) || error.code !== "service_answer_invalid") throw error;
    return { reason: error, server: undefined };
  });
  if (discovery.server !== undefined)
    return { kind: "issuer", known: { server: discovery.server, isDiscovered: true, askedAt } };
  const resource = await wellKnownResource(address, exchange);
  if (resource !== undefined) return { kind: "resource", resource };
  const server = defaultAuthorizationServer(withoutEndSlashes(address));
  if (await isProtected(server.userinfo_endpoint, exchange))
    return { kind: "service", known: { server, isDiscovered: false, askedAt } };
  throw discovery.reason;
}

function bare(address: string): string {
  return address.replace(/\/$/, "");
}

/** Refuses a request without a token, in the API's format. */
async function isProtected(endpoint: string, exchange: ExchangeOptions): Promise<boolean> {
  const response = await send(endpoint, { method: "GET" }, exchange);
  return (await readJsonObject(response)) !== undefined && response.status === 401;
}
