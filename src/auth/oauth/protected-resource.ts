import { isConfidential, leadsToThisMachine, withoutEndSlashes } from "../../base/address.ts";
import type { ServiceError } from "../../base/errors.ts";
import { excerpt } from "../../base/secret.ts";
import { discardBody } from "../../http/peek.ts";
import { invalidAnswer, readJsonObject, send, type ExchangeOptions } from "../../http/request.ts";
import { targetOf } from "../../http/token-target.ts";
import { challengesOf } from "./www-authenticate.ts";

/** RFC 9728 §2. */
export interface ProtectedResource {
  readonly resource: string;
  /** The first that it lists. */
  readonly issuer: string;
  /** Separated by spaces. */
  readonly scope: string | undefined;
}

/** By its challenge to a request without a token (RFC 9728 §5.1). */
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
    throw invalidAnswer(response, "names metadata at an insecure URL");
  const found = await resourceMetadata(url.href, address, options);
  // The challenge's scope is for this very request (RFC 6750 §3).
  return found && { ...found, scope: challenge?.parameters.get("scope") || found.scope };
}

/** RFC 9728 §3.1: some send no challenge that names their metadata. */
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
 * Accepts metadata that names the URL itself (RFC 9728 §3.3): otherwise another resource's tokens would come here, to
 * be used there. Many name a parent instead, such as the whole host, as a tenant could to get tokens for all others. So
 * a parent is believed only at its own well-known URL.
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
      `sent the metadata of ${typeof resource === "string" ? `"${excerpt(resource, 200)}"` : "no resource"}, not of "${address}"`,
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
  if (!isServer) throw invalidAnswer(response, "names no issuer with a secure URL");
  const scopes: unknown = body["scopes_supported"];
  const scope = Array.isArray(scopes) ? scopes.filter((name) => typeof name === "string").join(" ") : "";
  return { resource, issuer, scope: scope || undefined };
}

/** RFC 9728 §3.1. */
function wellKnownAddress(resource: string): string {
  const { origin, pathname } = new URL(resource);
  return `${origin}/.well-known/oauth-protected-resource${withoutEndSlashes(pathname)}`;
}

/** Safe to show: parsers ignore line breaks, and the next line could say anything (S-008). */
function isAddress(value: unknown): value is string {
  return typeof value === "string" && /^[\x21-\x7e]+$/.test(value) && URL.canParse(value);
}
