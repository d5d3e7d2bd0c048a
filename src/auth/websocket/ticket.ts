import { AuthError, NotAuthenticatedError } from "../../base/errors.ts";
import type { AuthorizedFetch } from "../authorized-fetch.ts";
import { invalidAnswer, readJsonObject, serviceFailure } from "../../http/request.ts";
import type { TokenManager } from "../token-manager/token-manager.ts";
import { Secret } from "../../base/secret.ts";
import { socketAddress } from "./socket-address.ts";

/** What opens one WebSocket connection, once. It is kept in memory only. */
export interface WebSocketTicket {
  readonly url: URL;
  readonly ticket: Secret;
}

/** What a ticket is got with. */
export interface TicketOptions {
  tokens: Pick<TokenManager, "getCredential">;
  fetch: AuthorizedFetch;
  signal?: AbortSignal | undefined;
}

/** A connection outlives its ticket, and what it stands for should not end right after it was opened. */
const minValidityMs = 300_000;
const timeoutMs = 10_000;

/**
 * Gets a ticket from the service, with an access token that has at least 5 minutes left.
 *
 * @param team - id of the team whose events are wanted
 * @throws {@link NotAuthenticatedError} when nobody is logged in, the session is over, or the token is refused even after a
 * refresh; {@link AuthError} `access_denied` for a team that the user is not in, `service_rejected` for one that does not
 * exist, `service_unavailable` and `network_unavailable` when a later try may succeed, `service_answer_invalid` when the answer
 * cannot be used
 */
export async function webSocketTicket(team: string, { tokens, fetch, signal }: TicketOptions): Promise<WebSocketTicket> {
  await tokens.getCredential({ minValidityMs, ...(signal && { signal }) });
  const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ team_id: team }) };
  // To follow a redirect would ask a stranger for the address that the ticket is then taken to.
  const response = await fetch("/api/v1/ws-token", { ...init, redirect: "manual", timeoutMs, ...(signal && { signal }) });
  return ticketOf(response, team);
}

async function ticketOf(response: Response, team: string): Promise<WebSocketTicket> {
  const body = await readJsonObject(response);
  if (response.status !== 200) throw refusal(response, body, team);
  const { ws_token: ticket, ws_url: url, expires_in: expiresIn, session_id: sessionId } = body ?? {};
  if (typeof ticket !== "string" || !/^[\w.~+/=-]+$/.test(ticket)) throw invalidAnswer(response, 'answered without a usable "ws_token"');
  if (typeof url !== "string") throw invalidAnswer(response, 'answered without "ws_url"');
  if (typeof expiresIn !== "number" || !(expiresIn > 0)) throw invalidAnswer(response, 'answered without a usable "expires_in"');
  if (typeof sessionId !== "string") throw invalidAnswer(response, 'answered without "session_id"');
  return { url: socketAddress(url), ticket: new Secret(ticket) };
}

function refusal(response: Response, body: Readonly<Record<string, unknown>> | undefined, team: string): AuthError {
  const cause = serviceFailure(response, body);
  const hint = "Your teams: spec-kitty auth team";
  if (response.status === 401) return new NotAuthenticatedError("the service refuses the access token even after a refresh", { cause });
  if (response.status === 403) return new AuthError("access_denied", `you are not a member of team "${team}"`, { hint, cause });
  if (response.status === 404) return new AuthError("service_rejected", `the service knows no team "${team}"`, { hint, cause });
  return cause;
}
