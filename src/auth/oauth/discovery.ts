import { AuthError, ServiceError, hint, login } from "../../base/errors.ts";
import { isConfidential, leadsToThisMachine } from "../../base/address.ts";
import { excerpt } from "../../base/secret.ts";
import type { AuthorizationServer } from "./authorization-server.ts";
import { flag, memberReader, texts, type JsonObject, type Kind } from "../../http/json-members.ts";
import { isTransientStatus } from "../../http/retry.ts";
import { invalidAnswer, readJsonObject, send, serviceFailure, type ExchangeOptions } from "../../http/request.ts";

type Discovery =
  | { readonly server: AuthorizationServer }
  /** `reason`: the error where there must be metadata. */
  | { readonly server?: undefined; readonly reason: ServiceError };

/**
 * By RFC 8414, else by OpenID Connect Discovery. A refusal, a page or another issuer's metadata at one URL says nothing
 * about the next. An attacker gains nothing by causing such a response, since only this issuer's metadata is used.
 *
 * @param issuer - as the server names itself, with a trailing `/` if it has one
 * @param accepts - whether the server may call itself so; by default compared character by character
 */
export async function discoverAuthorizationServer(
  issuer: string,
  options: ExchangeOptions,
  accepts: (found: string) => boolean = (found) => found === issuer,
): Promise<Discovery> {
  const found: { address: string; response: Response; body: JsonObject | undefined }[] = [];
  let invalid: unknown;
  for (const address of metadataAddresses(issuer)) {
    const response = await send(address, { method: "GET" }, options);
    // Larger than any metadata: some other page.
    const body = await readJsonObject(response).catch((error: unknown) => {
      if (!(error instanceof ServiceError) || error.code !== "service_answer_invalid") throw error;
      return undefined;
    });
    found.push({ address, response, body });
    if (response.status !== 200 || body === undefined) continue;
    try {
      return { server: metadata(body, response, issuer, accepts) };
    } catch (error) {
      invalid ??= error;
    }
  }
  if (invalid !== undefined) throw invalid;
  const said = found.map(({ address, response }) => `"${address}" returned ${response.status}`).join(", ");
  // A transient failure counts first: the issuer may still be right.
  const trouble = found.find(({ response }) => isTransientStatus(response.status));
  const reason = trouble
    ? serviceFailure(trouble.response, trouble.body)
    : new ServiceError("service_answer_invalid", `"${issuer}" does not publish the metadata of an issuer: ${said}`, {
        hint: "Check the URL of the issuer",
      });
  return { reason };
}

/**
 * RFC 8414 puts the well-known part before the issuer's path (§3.1), OpenID Connect Discovery after it (§4.1); some
 * servers mix document and place. All drop a trailing `/` first.
 */
function metadataAddresses(issuer: string): readonly [string, ...string[]] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, "");
  const name = ".well-known/openid-configuration";
  const first = `${origin}/.well-known/oauth-authorization-server${path}`;
  return [first, ...new Set([`${origin}${path}/${name}`, `${origin}/${name}${path}`])];
}

export function wellKnownAddress(issuer: string): string {
  return metadataAddresses(issuer)[0];
}

/** RFC 8414 §3.2, §3.3. */
function metadata(
  body: JsonObject,
  response: Response,
  asked: string,
  accepts: (found: string) => boolean,
): AuthorizationServer {
  // Identical (§3.3): otherwise the owner of one path on a host could speak for all of it.
  const found = body["issuer"];
  if (typeof found !== "string" || !accepts(found)) {
    const named = typeof found === "string" ? `names the issuer "${excerpt(found, 200)}"` : "names no issuer";
    throw new AuthError("service_answer_invalid", `the metadata of "${asked}" ${named}`, {
      hint: differsBySlash(found, asked)
        ? hint`Use that issuer: ${login(undefined, "--issuer", found)}`
        : "Check the URL of the issuer",
    });
  }

  const endpoint: Kind<string> = {
    expected: 'an "https:" URL without a user name or a fragment (RFC 6749 §3.1)',
    read(value) {
      if (typeof value !== "string" || !URL.canParse(value)) return undefined;
      const url = new URL(value);
      // A remote server has no endpoints on this machine.
      const isAllowed =
        isConfidential(url) && !leadsToThisMachine(url, new URL(asked)) && !url.hash && !url.username && !url.password;
      return isAllowed ? value : undefined;
    },
  };
  const { required, optional } = memberReader(body, (name, expected) =>
    invalidAnswer(response, `sent metadata whose "${name}" is not ${expected}`),
  );
  const member = <Name extends keyof AuthorizationServer, Value>(
    name: Name,
    kind: Kind<Value>,
  ): { [key in Name]?: Value } => {
    const value = optional(name, kind);
    return value === undefined ? {} : ({ [name]: value } as { [key in Name]: Value });
  };

  return {
    issuer: found,
    authorization_endpoint: required("authorization_endpoint", endpoint),
    token_endpoint: required("token_endpoint", endpoint),
    ...member("device_authorization_endpoint", endpoint),
    ...member("userinfo_endpoint", endpoint),
    ...member("jwks_uri", endpoint),
    ...member("scopes_supported", texts),
    ...member("grant_types_supported", texts),
    ...member("token_endpoint_auth_methods_supported", texts),
    ...member("registration_endpoint", endpoint),
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
