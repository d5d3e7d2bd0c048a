import { AuthError } from "../../base/errors.ts";
import { hint, login } from "../../base/hint.ts";
import { isConfidential, leadsHome } from "../../base/address.ts";
import type { AuthorizationServer } from "./authorization-server.ts";
import { flag, memberReader, texts, type JsonObject, type Kind } from "../../http/json-members.ts";
import { isTransientStatus } from "../../http/retry.ts";
import { invalidAnswer, readJsonObject, send, serviceFailure, type ExchangeOptions } from "../../http/request.ts";

/**
 * Discovers the endpoints of an authorization server: by RFC 8414, else by OpenID Connect Discovery.
 *
 * No answer, 429 and 5xx are errors in any case: a failure that may be gone at the next try must not decide how a login is done.
 * So are invalid metadata.
 *
 * @param issuer - exactly as the server names itself, with a trailing `/` if it has one
 * @param isNamed - whether the user has named this issuer. If so, an answer that is neither metadata nor 404 is an error. If not,
 * it is a service that may know nothing of metadata, and answers with a page of its application, a redirect to its login or a
 * refusal: it publishes none, then. An attacker who can cause such an answer gains nothing, since the default endpoints are on
 * the same host, over the same TLS
 * @returns undefined when it publishes no metadata
 * @throws {@link ServiceError} `network_unavailable`, `service_unavailable` or `service_answer_invalid`
 */
export async function discoverAuthorizationServer(issuer: string, isNamed: boolean, options: ExchangeOptions): Promise<AuthorizationServer | undefined> {
  for (const address of metadataAddresses(issuer)) {
    const response = await send(address, { method: "GET" }, options);
    const body = await readJsonObject(response);
    if (response.status === 200 && body !== undefined) return metadata(body, response, issuer);
    if (response.status === 404 || (!isNamed && !isTransientStatus(response.status))) continue;
    if (response.status !== 200) throw serviceFailure(response, body);
    throw invalidAnswer(response, "answered 200 with a body that is not a JSON object");
  }
  return undefined;
}

/**
 * The addresses of an issuer's metadata: RFC 8414 puts the well-known part before the issuer's path (§3.1), OpenID Connect
 * Discovery after it (§4.1). Both drop a trailing `/` first.
 */
function metadataAddresses(issuer: string): [string, string] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, "");
  return [`${origin}/.well-known/oauth-authorization-server${path}`, `${origin}${path}/.well-known/openid-configuration`];
}

/**
 * Judges metadata (RFC 8414 §3.2, §3.3). Only the members that this program uses are returned.
 *
 * @param body - the JSON of `response`
 * @param issuer - the issuer that was asked
 * @throws {@link ServiceError} `service_answer_invalid` when they describe another server than the one that was asked, or one
 * that no secret may be sent to
 */
function metadata(body: JsonObject, response: Response, issuer: string): AuthorizationServer {
  // Identical, character by character (§3.3): otherwise a user who may publish below some path of a host could speak for all of it.
  const found = body["issuer"];
  if (found !== issuer) {
    const named = typeof found === "string" ? `are those of "${found.slice(0, 200)}"` : "name no issuer";
    throw new AuthError("service_answer_invalid", `the metadata of "${issuer}" ${named}`, {
      hint: differsBySlash(found, issuer) ? hint`Name it as it names itself: ${login(undefined, "--issuer", found)}` : "Check the address of the issuer",
    });
  }

  const endpoint: Kind<string> = {
    expected: 'an "https:" address without a user and a fragment (RFC 6749 §3.1)',
    read(value) {
      if (typeof value !== "string" || !URL.canParse(value)) return undefined;
      const url = new URL(value);
      // A server on another machine has no endpoints on this one.
      const isAllowed = isConfidential(url) && !leadsHome(url, new URL(issuer)) && !url.hash && !url.username && !url.password;
      return isAllowed ? value : undefined;
    },
  };
  const { required, optional } = memberReader(body, (name, expected) => invalidAnswer(response, `sent metadata whose "${name}" is not ${expected}`));
  const member = <Name extends keyof AuthorizationServer, Value>(name: Name, kind: Kind<Value>): { [key in Name]?: Value } => {
    const value = optional(name, kind);
    return value === undefined ? {} : ({ [name]: value } as { [key in Name]: Value });
  };

  return {
    issuer,
    authorization_endpoint: required("authorization_endpoint", endpoint),
    token_endpoint: required("token_endpoint", endpoint),
    ...member("device_authorization_endpoint", endpoint),
    ...member("userinfo_endpoint", endpoint),
    ...member("jwks_uri", endpoint),
    ...member("revocation_endpoint", endpoint),
    ...member("pushed_authorization_request_endpoint", endpoint),
    ...member("require_pushed_authorization_requests", flag),
    ...member("authorization_response_iss_parameter_supported", flag),
    ...member("dpop_signing_alg_values_supported", texts),
    ...member("id_token_signing_alg_values_supported", texts),
  };
}

function differsBySlash(found: unknown, issuer: string): found is string {
  return typeof found === "string" && (found === `${issuer}/` || `${found}/` === issuer);
}
