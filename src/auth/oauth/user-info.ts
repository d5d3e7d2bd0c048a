import type { Secret } from "../../base/secret.ts";
import { isJsonObject, textOf } from "../../http/json-members.ts";
import { invalidAnswer, readJsonObject, send, serviceFailure, type ExchangeOptions } from "../../http/request.ts";

/** A team that the user belongs to. */
export interface Team {
  readonly id: string;
  readonly name: string;
  readonly role?: string;
  readonly isPrivateTeamspace?: boolean;
}

/** The user who is logged in, as the service names them. */
export interface UserInfo {
  readonly id: string;
  readonly email?: string;
  readonly name?: string;
  /** The server names nobody: `name` is its issuer and the scope that was granted, and `id` is this login's. */
  readonly isUnnamed?: true;
  readonly teams: readonly Team[];
}

/** Asks the service for the user of an access token. @internal */
export function userInfoRequest(endpoint: string, accessToken: Secret, options: ExchangeOptions): Promise<Response> {
  return send(endpoint, { headers: { authorization: `Bearer ${accessToken.reveal()}` } }, options);
}

/**
 * Teams and email may be absent; an invalid team is left out, since it must not keep its user from logging in.
 *
 * @param sub - the user of the ID token: OpenID Connect's UserInfo must name the same, or none of it may be used, since the access token
 * may belong to another user (Core §5.3.2, §16.11). Undefined for the service's own endpoint
 * @internal
 */
export async function userInfoResponse(response: Response, sub?: string): Promise<UserInfo> {
  const body = await readJsonObject(response);
  if (response.status !== 200) throw serviceFailure(response, body);
  if (sub !== undefined && body?.["sub"] !== sub) throw invalidAnswer(response, "names another user than the ID token");
  // The API of a provider without OpenID Connect has a number, and a name to log in with.
  const number = body?.["id"];
  const id =
    textOf(body?.["user_id"]) ??
    textOf(body?.["sub"]) ??
    (typeof number === "number" && textOf(body?.["login"]) !== undefined ? String(number) : undefined);
  if (body === undefined || id === undefined) throw invalidAnswer(response, 'responded without a "user_id"');
  const email = textOf(body["email"]);
  const name = textOf(body["login"]) ?? textOf(body["name"]);
  const teams = Array.isArray(body["teams"]) ? body["teams"] : [];
  return { id, ...(email && { email }), ...(name && { name }), teams: teams.flatMap(parseTeam) };
}

/** One member of `teams`; empty when it has no id, or an id that the header `X-Team-Slug` cannot carry. */
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
