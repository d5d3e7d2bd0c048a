import { AuthError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import type { AuthorizationServer } from "./authorization-server.ts";
import { memberReader, seconds, text, type Kind } from "../../http/json-members.ts";
import { form, invalidAnswer, readJsonObject, send, serviceFailure, type ExchangeOptions } from "../../http/request.ts";
import { tokenRequest, tokenResponse, type TokenResponse } from "./token-endpoint.ts";

/** A successful answer of the device authorization endpoint (RFC 8628 §3.2). All text in it is the server's, raw. */
export interface DeviceAuthorization {
  /** Whoever has it collects the tokens that the user approves, so it is no less secret than they are. */
  readonly device_code: Secret;
  /** For the user to type, in the chunks that the server wrote. */
  readonly user_code: string;
  /** Where to type it. */
  readonly verification_uri: string;
  /** The same with the code in it, for a QR code (§3.3.1). */
  readonly verification_uri_complete: string | undefined;
  /** Seconds both codes live from the moment of receipt. */
  readonly expires_in: number;
  /** Seconds from one poll to the next, at least; 5 when the server does not say (§3.2). */
  readonly interval: number;
}

/**
 * Asks for a pair of codes (RFC 8628 §3.1), as a public client.
 *
 * @param server - the server whose tokens are wanted
 * @param request - the registered client, scopes separated by single spaces, and what a foreign server wants besides, such as
 * `resource` (RFC 8707 §2.1)
 * @throws {@link AuthError} `configuration_invalid` when the server has no device login; {@link ServiceError} as `send`
 */
export async function deviceAuthorizationRequest(
  server: AuthorizationServer,
  request: { client_id: string; scope: string } & Readonly<Record<string, string>>,
  options: ExchangeOptions,
): Promise<Response> {
  const endpoint = server.device_authorization_endpoint;
  if (endpoint === undefined) {
    throw new AuthError("configuration_invalid", `"${server.issuer}" has no device login`, {
      hint: "Log in with a browser: spec-kitty auth login --no-browser",
    });
  }
  return send(endpoint, form(request), options);
}

/**
 * Judges the answer to {@link deviceAuthorizationRequest}.
 *
 * @throws {@link ServiceError} as `serviceFailure` when it is an error, or `service_answer_invalid` when it is not
 * RFC 8628 §3.2
 */
export async function deviceAuthorizationResponse(response: Response): Promise<DeviceAuthorization> {
  const body = await readJsonObject(response);
  if (response.status !== 200) throw serviceFailure(response, body);
  if (body === undefined) throw invalidAnswer(response, "answered 200 with a body that is not a JSON object");
  // Without the value that was found: it may be the device code.
  const { required, optional } = memberReader(body, (name, expected) =>
    invalidAnswer(response, `sent a device authorization whose "${name}" is not ${expected}`),
  );
  return {
    device_code: new Secret(required("device_code", text)),
    user_code: required("user_code", text),
    verification_uri: required("verification_uri", page),
    verification_uri_complete: optional("verification_uri_complete", page),
    expires_in: required("expires_in", seconds),
    interval: optional("interval", seconds) ?? 5,
  };
}

/** Shown and drawn as a QR code for another device to open: nothing but a page may come of that (S-007). */
const page: Kind<string> = {
  expected: "the address of a page",
  read: (value) => (typeof value === "string" && /^https?:/i.test(value) && URL.canParse(value) ? value : undefined),
};

/**
 * Asks once whether the user has decided (RFC 8628 §3.4). When to ask again is the poller's to say.
 *
 * @param server - the server that issued the code
 * @param grant - the registered client, the code from {@link deviceAuthorizationResponse}, and the resource of that request
 * @throws {@link ServiceError} as `tokenResponse`; while the user has not decided, with `error` `authorization_pending`
 */
export async function deviceCodeGrant(
  server: AuthorizationServer,
  grant: { client_id: string; device_code: Secret; resource?: string | undefined },
  options: ExchangeOptions,
): Promise<TokenResponse> {
  const parameters = {
    grant_type: "urn:ietf:params:oauth:grant-type:device_code",
    client_id: grant.client_id,
    device_code: grant.device_code.reveal(),
    resource: grant.resource,
  };
  return tokenResponse(await tokenRequest(server, parameters, options));
}
