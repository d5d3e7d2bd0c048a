import { AuthError } from "../../base/errors.ts";
import { isConfidential, isLoopback } from "../../base/url.ts";
import type { AuthorizationServer } from "./authorization-server.ts";
import { flag, memberReader, texts, type JsonObject, type Kind } from "../../http/json-members.ts";
import { isTransientStatus } from "../../http/retry.ts";
import { invalidAnswer, readJsonObject, send, serviceFailure, type ExchangeOptions } from "../../http/request.ts";

/**
 * Finds out where an authorization server has its endpoints: by RFC 8414, else by OpenID Connect Discovery.
 *
 * No answer, 429 and 5xx are errors in any case: what may be another answer the next time must not decide how a login is
 * done. So are metadata that are wrong.
 *
 * @param issuer - exactly as the server calls itself, a trailing `/` included if it has one
 * @param isNamed - whether the user has said that this is an issuer. Then whatever is neither metadata nor 404 is a mistake of
 * somebody's, and an error. Else it is a service that may never have heard of metadata, and answers what it does not know with
 * the page of its application, a redirection to its login or a refusal: it publishes none, then. Nothing is lost by that to
 * whoever can bring about such an answer, since the endpoints are then those of the same host, over the same TLS
 * @returns undefined when it publishes none
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
 * Where the metadata of an issuer may be: RFC 8414 puts the well-known part before the issuer's path (§3.1), OpenID Connect
 * Discovery behind it (§4.1). Both drop a trailing `/` first.
 */
function metadataAddresses(issuer: string): [string, string] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, "");
  return [`${origin}/.well-known/oauth-authorization-server${path}`, `${origin}${path}/.well-known/openid-configuration`];
}

/**
 * Judges metadata (RFC 8414 §3.2, §3.3). Only what this program uses is taken over.
 *
 * @param body - what `response` holds
 * @param issuer - who was asked
 * @throws {@link ServiceError} `service_answer_invalid` when it describes another server than the one that was asked, or one
 * that no secret may be sent to
 */
function metadata(body: JsonObject, response: Response, issuer: string): AuthorizationServer {
  // Identical, character by character (§3.3): whoever may write below some path of a host could else speak for all of it.
  const found = body["issuer"];
  if (found !== issuer) {
    throw new AuthError("service_answer_invalid", `the metadata of "${issuer}" are those of ${typeof found === "string" ? `"${found.slice(0, 200)}"` : "nobody"}`, {
      hint: isSlashApart(found, issuer) ? `Name it as it names itself: --issuer ${found}` : "Check the address of the issuer",
    });
  }

  const isLocal = isLoopback(new URL(issuer).hostname);
  const endpoint: Kind<string> = {
    expected: 'an "https:" address without a user and a fragment (RFC 6749 §3.1)',
    read(value) {
      if (typeof value !== "string" || !URL.canParse(value)) return undefined;
      const url = new URL(value);
      // A server elsewhere has no business with the ports of this machine.
      const isAllowed = isConfidential(url) && (isLocal || !isLoopback(url.hostname)) && !url.hash && !url.username && !url.password;
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

function isSlashApart(found: unknown, issuer: string): boolean {
  return typeof found === "string" && (found === `${issuer}/` || `${found}/` === issuer);
}
