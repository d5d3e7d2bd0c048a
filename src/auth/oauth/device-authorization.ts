import { isConfidential, leadsToThisMachine } from "../../base/address.ts";
import { AuthError, hint, login } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { withEffect } from "../../http/effects.ts";
import { memberReader, seconds, text, type Kind } from "../../http/json-members.ts";
import { form, invalidAnswer, readJsonObject, send, serviceFailure, type ExchangeOptions } from "../../http/request.ts";
import type { AuthorizationServer } from "./authorization-server.ts";
import { answerLimitMs, tokenGrant, type TokenResponse } from "./token-endpoint.ts";

/** RFC 8628 §3.2. All texts come from the server, unescaped. */
export interface DeviceAuthorization {
  /** As secret as the tokens. */
  readonly device_code: Secret;
  readonly user_code: string;
  readonly verification_uri: string;
  readonly verification_uri_complete: string | undefined;
  /** Of both codes, in seconds from receipt. */
  readonly expires_in: number;
  /** In seconds; 5 when the server does not say (§3.2). */
  readonly interval: number;
}

/** RFC 8628 §3.1. */
export async function deviceAuthorizationRequest(
  server: AuthorizationServer,
  request: { client_id: string; scope?: string } & Readonly<Record<string, string>>,
  options: ExchangeOptions,
): Promise<Response> {
  const endpoint = server.device_authorization_endpoint;
  if (endpoint === undefined) {
    throw new AuthError("configuration_invalid", `"${server.issuer}" has no device login`, {
      hint: hint`Log in through a browser. Run: ${login(undefined, "--no-browser")}`,
    });
  }
  return send(endpoint, withEffect("nothing", form(request)), options);
}

export async function deviceAuthorizationResponse(
  response: Response,
  { issuer }: Pick<AuthorizationServer, "issuer">,
): Promise<DeviceAuthorization> {
  const body = await readJsonObject(response);
  if (response.status !== 200 || (body?.["error"] !== undefined && body["device_code"] === undefined))
    throw serviceFailure(response, body);
  if (body === undefined) throw invalidAnswer(response, "returned 200 without a JSON object");
  // Without the value: it may be the device code. Google calls the URL otherwise.
  const { verification_uri = body["verification_url"] } = body;
  const { required, optional } = memberReader({ ...body, verification_uri }, (name, expected) =>
    invalidAnswer(response, `sent a device authorization whose "${name}" is not ${expected}`),
  );
  const page = pageOf(new URL(issuer));
  return {
    device_code: new Secret(required("device_code", text)),
    user_code: required("user_code", shownText),
    verification_uri: required("verification_uri", page),
    verification_uri_complete: optional("verification_uri_complete", page),
    expires_in: required("expires_in", seconds),
    interval: optional("interval", seconds) ?? 5,
  };
}

/** A long text would push everything else off the screen. */
const shownText: Kind<string> = {
  expected: "a short string",
  read: (value) => (typeof value === "string" && value.length <= 100 ? text.read(value) : undefined),
};

/**
 * It must be the URL of a page (S-007). A name before an `@` would be read as the host; a remote server must not send
 * the user to this machine; and a page that anyone on the way can replace is no place to log in. Shown as a browser
 * reads it: blanks could make two URLs of one, a `\` or a foreign letter another host.
 */
function pageOf(server: URL): Kind<string> {
  const isPage = (url: URL): boolean =>
    isConfidential(url) && !url.username && !url.password && !leadsToThisMachine(url, server);
  return {
    expected: "the https: URL of a page",
    read(value) {
      if (typeof value !== "string" || value.length > 2_000 || !URL.canParse(value)) return undefined;
      const url = new URL(value);
      if (!isPage(url)) return undefined;
      // As the server wrote it if only an empty path differs: the user types it.
      return url.href === `${value}/` ? value : url.href;
    },
  };
}

/** RFC 8628 §3.4. */
export function deviceCodeGrant(
  server: AuthorizationServer,
  grant: { client_id: string; device_code: Secret; resource?: string | undefined },
  options: ExchangeOptions,
): Promise<TokenResponse> {
  const grant_type = "urn:ietf:params:oauth:grant-type:device_code";
  // The poll may spend the code, and a later one collects nothing.
  return tokenGrant(server, { grant_type, ...grant }, { ...options, timeoutMs: answerLimitMs });
}
