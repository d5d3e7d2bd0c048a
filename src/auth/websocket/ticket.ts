import { AuthError, NotAuthenticatedError, hint, type AuthErrorOptions } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { isConfidential, leadsToThisMachine } from "../../base/address.ts";
import { withEffect } from "../../http/effects.ts";
import { invalidAnswer, readJsonObject, serviceFailure } from "../../http/request.ts";
import type { AuthorizedFetch } from "../authorized-fetch.ts";
import type { TokenManager } from "../token-manager/token-manager.ts";

/** Used once, and in memory only. */
export interface WebSocketTicket {
  readonly url: URL;
  readonly ticket: Secret;
}

interface TicketOptions {
  tokens: Pick<TokenManager, "getCredential" | "service">;
  fetch: AuthorizedFetch;
  signal?: AbortSignal | undefined;
}

/** The session should not end right after the connection opens. */
const minValidityMs = 300_000;
const timeoutMs = 10_000;

export async function webSocketTicket(
  team: string,
  { tokens, fetch, signal }: TicketOptions,
): Promise<WebSocketTicket> {
  await tokens.getCredential({ minValidityMs, signal });
  const init = withEffect("nothing", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ team_id: team }),
  });
  // A redirect would let another server choose where the ticket goes.
  const response = await fetch("/api/v1/ws-token", {
    ...init,
    redirect: "manual",
    timeoutMs,
    ...(signal && { signal }),
  });
  return ticketResponse(response, team, await tokens.service());
}

async function ticketResponse(response: Response, team: string, service: string): Promise<WebSocketTicket> {
  const body = await readJsonObject(response);
  if (response.status !== 200) throw refusal(response, body, team);
  const { ws_token: ticket, ws_url: url, expires_in: expiresIn, session_id: sessionId } = body ?? {};
  if (typeof ticket !== "string" || !/^[\w.~+/=-]+$/.test(ticket))
    throw invalidAnswer(response, 'responded without a usable "ws_token"');
  if (typeof url !== "string") throw invalidAnswer(response, 'responded without "ws_url"');
  if (typeof expiresIn !== "number" || !(expiresIn > 0))
    throw invalidAnswer(response, 'responded without a usable "expires_in"');
  if (typeof sessionId !== "string") throw invalidAnswer(response, 'responded without "session_id"');
  return { url: socketAddress(url, service), ticket: new Secret(ticket) };
}

function refusal(response: Response, body: Readonly<Record<string, unknown>> | undefined, team: string): AuthError {
  const cause = serviceFailure(response, body);
  const options: AuthErrorOptions = { hint: hint`See your teams: ${{ command: "auth team" }}`, cause };
  if (response.status === 401)
    return new NotAuthenticatedError("the service rejects the access token, even after a refresh", { cause });
  if (response.status === 403) return new AuthError("access_denied", `you are not a member of team "${team}"`, options);
  if (response.status === 404)
    return new AuthError("service_rejected", `the service does not know the team "${team}"`, options);
  return cause;
}

/**
 * The ticket is a credential, so plain `ws:` is for this machine only, and a remote service does not lead here (S-013).
 * A token in the query is refused: queries end up in logs (RFC 6750 §5.3).
 *
 * @param text - `ws_url`; `http:` and `https:` count as `ws:` and `wss:`
 */
function socketAddress(text: string, service: string): URL {
  const refuse = (why: string): AuthError =>
    new AuthError("service_answer_invalid", `the service's URL for live updates ${why}`, {
      hint: hint`Report this to the operator of the service, and send the events in batches: ${{ command: "sync now" }}`,
    });
  if (!URL.canParse(text)) throw refuse("is not a URL");
  const url = new URL(text.replace(/^\s*(http|ws)(s?):/i, "http$2:"));
  // Not quoted: it may hold a credential.
  if (url.protocol !== "http:" && url.protocol !== "https:") throw refuse(`is neither "ws:" nor "wss:"`);
  if (leadsToThisMachine(url, new URL(service))) throw refuse(`leads to this machine (${url.host})`);
  if (!isConfidential(url)) throw refuse(`would send the ticket unencrypted to ${url.host}`);
  if (url.username || url.password || url.hash) throw refuse("contains a user name, a password or a fragment");
  if ([...url.searchParams.keys()].some((key) => /token/i.test(key))) throw refuse("contains a token in its query");
  return new URL(url.href.replace(/^http/, "ws"));
}
