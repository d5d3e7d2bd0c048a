import type { Secret } from "../../base/secret.ts";
import { isJsonObject, textOf } from "../../http/json-members.ts";
import { invalidAnswer, readJsonObject, send, serviceFailure, type ExchangeOptions } from "../../http/request.ts";

export interface Team {
  readonly id: string;
  readonly name: string;
  readonly role?: string;
  readonly isPrivateTeamspace?: boolean;
}

export interface UserInfo {
  readonly id: string;
  readonly email?: string;
  readonly name?: string;
  /** Then `name` is the issuer and the granted scope, and `id` is this login's. */
  readonly isUnnamed?: true;
  readonly teams: readonly Team[];
}

export function userInfoRequest(endpoint: string, accessToken: Secret, options: ExchangeOptions): Promise<Response> {
  return send(endpoint, { headers: { authorization: `Bearer ${accessToken.reveal()}` } }, options);
}

/**
 * An invalid team is skipped, rather than block its user's login.
 *
 * @param sub - the ID token's user: UserInfo must name the same, since the access token may be another user's (Core
 *   §5.3.2, §16.11). Undefined for the service's own endpoint
 */
export async function userInfoResponse(response: Response, sub?: string): Promise<UserInfo> {
  const body = await readJsonObject(response);
  if (response.status !== 200) throw serviceFailure(response, body);
  if (sub !== undefined && body?.["sub"] !== sub)
    throw invalidAnswer(response, "names a different user than the ID token");
  // Providers without OpenID Connect have a number and a login name.
  const number = body?.["id"];
  const id =
    textOf(body?.["user_id"]) ??
    textOf(body?.["sub"]) ??
    (typeof number === "number" && textOf(body?.["login"]) !== undefined ? String(number) : undefined);
  if (body === undefined || id === undefined) throw invalidAnswer(response, 'responded without a "user_id"');
  const teams = Array.isArray(body["teams"]) ? body["teams"] : [];
  return { id, ...userNames(body["email"], textOf(body["login"]) ?? body["name"]), teams: teams.flatMap(parseTeam) };
}

/**
 * Also the hint of the next login, whose URL could not carry a name at any length: what is longer than an address can
 * be (RFC 5321 §4.5.3.1.3) is left out.
 */
export function userNames(email: unknown, name: unknown): Pick<UserInfo, "email" | "name"> {
  const short = (value: unknown): string | undefined => {
    const text = textOf(value);
    return text === undefined || text.length > 254 ? undefined : text;
  };
  const [address, called] = [short(email), short(name)];
  return { ...(address && { email: address }), ...(called && { name: called }) };
}

/** Empty without an id for the header `X-Team-Slug`. */
function parseTeam(team: unknown): Team[] {
  if (!isJsonObject(team)) return [];
  const id = textOf(team["id"]);
  if (id === undefined || !/^[\x21-\x7e]+$/.test(id)) return [];
  const role = textOf(team["role"]);
  return [
    {
      id,
      name: textOf(team["name"]) ?? id,
      ...(role && { role }),
      ...(team["is_private_teamspace"] === true && { isPrivateTeamspace: true }),
    },
  ];
}
