import type { Secret } from "../../secret.ts";
import { invalidAnswer, readJsonObject, send, serviceFailure, type ExchangeOptions } from "./exchange.ts";

/** A team that the user belongs to. */
export interface Team {
  readonly id: string;
  readonly name: string;
  readonly role?: string;
  readonly isPrivateTeamspace?: boolean;
}

/** Who is logged in, as the service says. */
export interface UserInfo {
  readonly id: string;
  readonly email?: string;
  readonly name?: string;
  readonly teams: readonly Team[];
}

/**
 * Asks the service whose access token this is.
 *
 * @param endpoint - `userinfo_endpoint` of the authorization server
 * @throws {@link ServiceError} `network_unavailable`
 */
export function userInfoRequest(endpoint: string, accessToken: Secret, options: ExchangeOptions): Promise<Response> {
  return send(endpoint, { headers: { authorization: `Bearer ${accessToken.reveal()}` } }, options);
}

/**
 * Judges the answer to {@link userInfoRequest}. Teams and e-mail may be absent; a team that cannot be understood is left
 * out, since it must not keep its user from logging in.
 *
 * @throws {@link ServiceError} when it is an error, or names no user
 */
export async function userInfoResponse(response: Response): Promise<UserInfo> {
  const body = await readJsonObject(response);
  if (response.status !== 200) throw serviceFailure(response, body);
  const id = text(body?.["user_id"]) ?? text(body?.["sub"]);
  if (body === undefined || id === undefined) throw invalidAnswer(response, 'answered without a "user_id"');
  const email = text(body["email"]);
  const name = text(body["name"]);
  const teams = Array.isArray(body["teams"]) ? body["teams"] : [];
  return { id, ...(email && { email }), ...(name && { name }), teams: teams.flatMap(parseTeam) };
}

/** One member of `teams`, as the service or the stored session has it; empty when it has no id. */
function parseTeam(value: unknown): Team[] {
  if (typeof value !== "object" || value === null) return [];
  const team = value as Record<string, unknown>;
  const id = text(team["id"]);
  if (id === undefined) return [];
  const role = text(team["role"]);
  return [{ id, name: text(team["name"]) ?? id, ...(role && { role }), ...(team["is_private_teamspace"] === true && { isPrivateTeamspace: true }) }];
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
