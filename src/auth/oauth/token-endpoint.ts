import { Secret } from "../../base/secret.ts";
import type { AuthorizationServer } from "./authorization-server.ts";
import { memberReader, seconds, text, type Kind } from "../../http/json-members.ts";
import { form, invalidAnswer, readJsonObject, send, serviceFailure, type ExchangeOptions } from "../../http/request.ts";

/** A successful answer of the token endpoint (RFC 6749 §5.1), with what the service adds to it. */
export interface TokenResponse {
  readonly access_token: Secret;
  /** How it is presented (RFC 6750; RFC 9449 §7.1). The server writes it in any case (RFC 6749 §5.1). */
  readonly token_type: "Bearer" | "DPoP";
  /**
   * Seconds the access token lives from the moment of receipt; undefined when the server does not say, 0 when it is over
   * already, which only the answer to a refresh may say.
   */
  readonly expires_in: number | undefined;
  /** Undefined when the server keeps the old one valid (RFC 6749 §6) or issues none. */
  readonly refresh_token: Secret | undefined;
  /** When the refresh token ends, as the server wrote it. */
  readonly refresh_token_expires_at: string | undefined;
  /** Seconds the refresh token lives. */
  readonly refresh_token_expires_in: number | undefined;
  readonly scope: string | undefined;
  readonly session_id: string | undefined;
  /** Who logged in, signed (OpenID Connect Core §3.1.3.3); not checked yet. */
  readonly id_token: Secret | undefined;
  /** The server's clock when it answered (`Date`, RFC 9110 §6.6.1), in milliseconds since 1970. */
  readonly date: number | undefined;
}

/**
 * Asks the token endpoint (RFC 6749 §3.2) as a public client: the client's name goes along, no secret does.
 *
 * @param server - the server that issued the grant, and no other
 * @param parameters - `grant_type` and what belongs to it
 * @throws {@link ServiceError} `network_unavailable`
 * @internal
 */
export function tokenRequest(
  server: AuthorizationServer,
  parameters: Readonly<Record<string, string | undefined>>,
  options: ExchangeOptions,
): Promise<Response> {
  return send(server.token_endpoint, form(parameters), options);
}

/**
 * Judges what the token endpoint answered.
 *
 * @param response - the answer to {@link tokenRequest}
 * @param isRefresh - whether it answers a refresh, which may have spent the token before: what is said wrongly of the new
 * tokens is then taken as not said, or as an access token that is over, since an error would lose the refresh token with it
 * @throws {@link ServiceError} `service_rejected` with the server's `error`, `service_unavailable` for 429 and 5xx, or
 * `service_answer_invalid` when it is not RFC 6749 §5.1
 * @internal
 */
export async function tokenResponse(response: Response, isRefresh: boolean = false): Promise<TokenResponse> {
  const body = await readJsonObject(response);
  if (response.status !== 200) throw serviceFailure(response, body);
  const wrong = (name: string, expected: string): Error =>
    invalidAnswer(response, `sent a token answer whose "${name}" is not ${expected}`);
  if (body === undefined) throw invalidAnswer(response, "answered 200 with a body that is not a JSON object");

  // Some servers leave nothing out, and write "" for what they have nothing to say of.
  const { optional } = memberReader(Object.fromEntries(Object.entries(body).filter(([, value]) => value !== "")), wrong);
  const unlessRefresh = <T, F>(name: string, kind: Kind<T>, fallback: F): T | F | undefined => {
    try {
      return optional(name, kind);
    } catch (error) {
      if (isRefresh) return fallback;
      throw error;
    }
  };
  const lifetime = (name: string, fallback?: 0): number | undefined => {
    const value = unlessRefresh(name, seconds, fallback);
    // A century: what is longer would leave the range of dates, and means "for ever" all the same.
    return value && Math.min(value, 3_155_760_000);
  };

  const accessToken = optional("access_token", text);
  // What RFC 6750 §2.1 lets a bearer token be; anything else could split a header (CR, LF) or not be sent at all.
  if (accessToken === undefined || !/^[\w.~+/-]+=*$/.test(accessToken)) throw wrong("access_token", "a bearer token");
  const tokenType = optional("token_type", text)?.toLowerCase();
  if (tokenType !== "bearer" && tokenType !== "dpop") throw wrong("token_type", '"Bearer" or "DPoP"');
  const refreshToken = unlessRefresh("refresh_token", text, undefined);
  const idToken = unlessRefresh("id_token", text, undefined);
  const now = Date.parse(response.headers.get("date") ?? "");
  return {
    access_token: new Secret(accessToken),
    token_type: tokenType === "bearer" ? "Bearer" : "DPoP",
    expires_in: lifetime("expires_in", 0),
    refresh_token: refreshToken === undefined ? undefined : new Secret(refreshToken),
    refresh_token_expires_at: unlessRefresh("refresh_token_expires_at", date, undefined),
    refresh_token_expires_in: lifetime("refresh_token_expires_in"),
    scope: unlessRefresh("scope", text, undefined),
    session_id: unlessRefresh("session_id", text, undefined),
    id_token: idToken === undefined ? undefined : new Secret(idToken),
    date: Number.isNaN(now) ? undefined : now,
  };
}

const date: Kind<string> = { expected: "a date", read: (value) => (typeof value === "string" && !Number.isNaN(Date.parse(value)) ? value : undefined) };
