import { AuthError, issuersMistake } from "../../base/errors.ts";
import type { AuthorizationServer } from "./authorization-server.ts";
import { withEffect } from "../../http/effects.ts";
import { form, invalidAnswer, readJsonObject, send, serviceFailure, type ExchangeOptions } from "../../http/request.ts";

/** RFC 9126 §2.1: nothing between browser and server can read or change it. */
export function pushedAuthorizationRequest(
  server: AuthorizationServer,
  address: string,
  options: ExchangeOptions,
): Promise<Response> {
  const endpoint = server.pushed_authorization_request_endpoint;
  if (endpoint === undefined)
    throw new AuthError(
      "service_answer_invalid",
      `"${server.issuer}" accepts only pushed authorization requests, but names no endpoint for them`,
      { hint: issuersMistake },
    );
  return send(endpoint, withEffect("nothing", form(Object.fromEntries(new URL(address).searchParams))), options);
}

/** @returns a URL with only the client and the reference (RFC 9126 §4) */
export async function pushedAuthorizationResponse(
  response: Response,
  server: AuthorizationServer,
  client_id: string,
): Promise<string> {
  const body = await readJsonObject(response);
  // 201 by the RFC; some answer 200.
  if (!response.ok) throw serviceFailure(response, body);
  const reference = body?.["request_uri"];
  if (typeof reference !== "string" || reference === "")
    throw invalidAnswer(response, 'responded without a "request_uri"');
  const url = new URL(server.authorization_endpoint);
  url.searchParams.set("client_id", client_id);
  url.searchParams.set("request_uri", reference);
  return url.href;
}
