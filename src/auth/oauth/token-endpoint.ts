import { Secret } from "../../base/secret.ts";
import type { AuthorizationServer } from "./authorization-server.ts";
import { AuthError } from "../../base/errors.ts";
import { withEffect } from "../../http/effects.ts";
import { memberReader, seconds, text, type Kind } from "../../http/json-members.ts";
import { form, invalidAnswer, readJsonObject, send, serviceFailure, type ExchangeOptions } from "../../http/request.ts";

/** RFC 6749 §5.1, with the service's additions. */
export interface TokenResponse {
  readonly access_token: Secret;
  /** RFC 6750; RFC 9449 §7.1. Servers differ in case (RFC 6749 §5.1). Undefined only with a flaw. */
  readonly token_type: "Bearer" | "DPoP" | undefined;
  /** Of the access token, in seconds from receipt; 0 if already expired, only after a refresh. */
  readonly expires_in: number | undefined;
  /** Undefined when the server keeps the old one valid (RFC 6749 §6) or issues none. */
  readonly refresh_token: Secret | undefined;
  readonly refresh_token_expires_at: string | undefined;
  readonly refresh_token_expires_in: number | undefined;
  readonly scope: string | undefined;
  readonly session_id: string | undefined;
  /** OpenID Connect Core §3.1.3.3; not validated yet. */
  readonly id_token: Secret | undefined;
  /** The server's clock (RFC 9110 §6.6.1), in milliseconds since 1970. */
  readonly date: number | undefined;
  /**
   * An invalid member other than the access token, which is then left out. A refresh has spent its token, so the
   * response still counts; a login revokes what was issued, and fails.
   */
  readonly flaw?: AuthError | undefined;
}

/**
 * In milliseconds: as long as the runtime keeps a silent connection. The refresh token or code may be spent, and no
 * other response will come.
 */
export const answerLimitMs = 300_000;

type Grant = { readonly grant_type: string; readonly client_id: string } & Readonly<
  Record<string, string | Secret | undefined>
>;

/**
 * RFC 6749 §3.2.
 *
 * @param server - the issuer of the grant, and no other
 */
export async function tokenGrant(
  server: AuthorizationServer,
  grant: Grant,
  options: ExchangeOptions,
): Promise<TokenResponse> {
  const isRefresh = grant.grant_type === "refresh_token";
  const request = form(
    Object.fromEntries(
      Object.entries(grant).map(([name, value]) => [name, value instanceof Secret ? value.reveal() : value]),
    ),
  );
  return tokenResponse(
    await send(server.token_endpoint, isRefresh ? withEffect("nothing once answered", request) : request, options),
    isRefresh,
  );
}

async function tokenResponse(response: Response, isRefresh: boolean): Promise<TokenResponse> {
  const body = await readJsonObject(response);
  // Some servers send errors with status 200.
  if (response.status !== 200 || (body?.["error"] !== undefined && body["access_token"] === undefined))
    throw serviceFailure(response, body);
  const wrong = (name: string, expected: string): AuthError =>
    invalidAnswer(response, `sent a token response whose "${name}" is not ${expected}`);
  if (body === undefined) throw invalidAnswer(response, "returned 200 without a JSON object");

  // Some servers write "" for missing members.
  const { optional } = memberReader(
    Object.fromEntries(Object.entries(body).filter(([, value]) => value !== "")),
    wrong,
  );
  let flaw: AuthError | undefined;
  const lenient = <T>(name: string, kind: Kind<T>): T | undefined => {
    try {
      return optional(name, kind);
    } catch (error) {
      if (!(error instanceof AuthError)) throw error;
      flaw ??= error;
      return undefined;
    }
  };
  // A century: longer would leave the range of dates.
  const lifetime = (name: string): number | undefined => {
    const value = lenient(name, seconds);
    return value && Math.min(value, 3_155_760_000);
  };

  const accessToken = optional("access_token", text);
  // RFC 6750 §2.1; other characters could split a header (CR, LF).
  if (accessToken === undefined || !/^[\w.~+/-]+=*$/.test(accessToken)) throw wrong("access_token", "a bearer token");
  // An unreadable lifetime after a refresh counts as expired.
  const expires_in = lifetime("expires_in") ?? (isRefresh && flaw !== undefined ? 0 : undefined);
  const members = {
    access_token: new Secret(accessToken),
    token_type: lenient("token_type", tokenType),
    expires_in,
    refresh_token: lenient("refresh_token", secret),
    refresh_token_expires_at: lenient("refresh_token_expires_at", date),
    refresh_token_expires_in: lifetime("refresh_token_expires_in"),
    scope: lenient("scope", text),
    session_id: lenient("session_id", text),
    id_token: lenient("id_token", secret),
  };
  if (members.token_type === undefined) flaw ??= wrong("token_type", tokenType.expected);
  const now = Date.parse(response.headers.get("date") ?? "");
  return { ...members, date: Number.isNaN(now) ? undefined : now, flaw };
}

const tokenType: Kind<"Bearer" | "DPoP"> = {
  expected: '"Bearer" or "DPoP"',
  read: (value) => (["Bearer", "DPoP"] as const).find((type) => type.toLowerCase() === text.read(value)?.toLowerCase()),
};

const secret: Kind<Secret> = {
  expected: text.expected,
  read(value) {
    const read = text.read(value);
    return read === undefined ? undefined : new Secret(read);
  },
};

const date: Kind<string> = {
  expected: "a date",
  read: (value) => (typeof value === "string" && !Number.isNaN(Date.parse(value)) ? value : undefined),
};
