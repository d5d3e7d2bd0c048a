import { isConfidential, leadsToThisMachine, withoutEndSlashes } from "../../base/address.ts";
import type { ServiceError } from "../../base/errors.ts";
import { excerpt } from "../../base/secret.ts";
import { discardBody } from "../../http/peek.ts";
import { invalidAnswer, readJsonObject, send, type ExchangeOptions } from "../../http/request.ts";
import { targetOf } from "../../http/token-target.ts";
import { challengesOf } from "./www-authenticate.ts";

/** What a protected resource publishes about itself (RFC 9728 §2). */
export interface ProtectedResource {
  readonly resource: string;
  /** The issuer of its tokens: the first that it lists. */
  readonly issuer: string;
  /** What it wants of a token, separated by spaces; undefined when it does not say. */
  readonly scope: string | undefined;
}

/** By the challenge of its refusal of a request without a token (RFC 9728 §5.1). */
export async function challengedResource(
  address: string,
  options: ExchangeOptions,
): Promise<ProtectedResource | undefined> {
  const response = await send(
    address,
    { method: "GET", headers: { accept: "application/json, text/event-stream" } },
    options,
  );
  await discardBody(response);
  if (response.status !== 401) return undefined;
  const challenge = challengesOf(response.headers).find(({ parameters }) => parameters.has("resource_metadata"));
  const metadata = challenge?.parameters.get("resource_metadata");
  if (metadata === undefined || !URL.canParse(metadata)) return undefined;
  const url = new URL(metadata);
  if (!isConfidential(url) || leadsToThisMachine(url, new URL(address)))
    throw invalidAnswer(response, "names metadata at a URL that is not confidential");
  const found = await resourceMetadata(url.href, address, options);
  // What this very request would have needed takes precedence over all that there is (RFC 6750 §3).
  return found && { ...found, scope: challenge?.parameters.get("scope") || found.scope };
}

/** RFC 9728 §3.1: some refuse without a challenge that names their metadata. */
export async function wellKnownResource(
  address: string,
  options: ExchangeOptions,
): Promise<ProtectedResource | undefined> {
  for (const url of new Set([address, new URL(address).origin].map(wellKnownAddress))) {
    const found = await resourceMetadata(url, address, options);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * They are those of the address if they name it, as RFC 9728 §3.3 wants: otherwise another resource's tokens would be sent
 * here, which it could use there. Many name what lies above instead, such as the whole host. A tenant of that host could say so as well, to
 * get a token for all the others. So what lies above is believed only in its own words, at its own well-known address.
 */
async function resourceMetadata(
  url: string,
  address: string,
  options: ExchangeOptions,
): Promise<ProtectedResource | undefined> {
  const response = await send(url, { method: "GET" }, options);
  const body = await readJsonObject(response);
  if (response.status !== 200 || body === undefined) return undefined;
  const { resource, authorization_servers: servers } = body;
  const notItsOwn = (): ServiceError =>
    invalidAnswer(
      response,
      `sent the metadata of ${typeof resource === "string" ? `"${excerpt(resource, 200)}"` : "no resource"}, and not of "${address}"`,
    );
  if (!isAddress(resource) || !targetOf(new URL(address), withoutEndSlashes(resource)).isService) throw notItsOwn();
  if (withoutEndSlashes(resource) !== withoutEndSlashes(address) && url !== wellKnownAddress(resource)) {
    const above = await resourceMetadata(wellKnownAddress(resource), resource, options);
    if (above === undefined) throw notItsOwn();
    return above;
  }
  const issuer: unknown = Array.isArray(servers) ? servers[0] : undefined;
  const isServer =
    isAddress(issuer) && isConfidential(new URL(issuer)) && !leadsToThisMachine(new URL(issuer), new URL(address));
  if (!isServer) throw invalidAnswer(response, "names no authorization server with a confidential URL");
  const scopes: unknown = body["scopes_supported"];
  const scope = Array.isArray(scopes) ? scopes.filter((name) => typeof name === "string").join(" ") : "";
  return { resource, issuer, scope: scope || undefined };
}

/** Where a resource has its metadata (RFC 9728 §3.1). */
function wellKnownAddress(resource: string): string {
  const { origin, pathname } = new URL(resource);
  return `${origin}/.well-known/oauth-protected-resource${withoutEndSlashes(pathname)}`;
}

/** An address that can be shown as it is: a parser ignores line breaks, and the line after one could say anything (S-008). */
function isAddress(value: unknown): value is string {
  return typeof value === "string" && /^[\x21-\x7e]+$/.test(value) && URL.canParse(value);
}
