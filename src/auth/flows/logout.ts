import { AuthError, hint } from "../../base/errors.ts";
import type { ExchangeOptions } from "../../http/request.ts";
import { judgeRefreshFailure } from "../oauth/refresh.ts";
import type { Revocation } from "../oauth/revocation.ts";
import { MemoryStore } from "../sessions/memory-store.ts";
import type { Session } from "../sessions/session.ts";
import type { SessionStore } from "../sessions/store.ts";
import { withoutLogin } from "../token-manager/ended-login.ts";
import { TokenManager } from "../token-manager/token-manager.ts";
import { presentToken, refusable } from "../present-token.ts";
import { endSession, logoutRequest, logoutResponse } from "./end-session.ts";

/** `hasNewLogin`: a login made meanwhile stays. The local session is gone unless `not-logged-in`. */
export type LogoutOutcome = EndOutcome & { readonly hasNewLogin?: boolean };

type EndOutcome =
  | { readonly kind: "not-logged-in" }
  /** Now or before. `tokens`: the results of single revocations. */
  | { readonly kind: "ended"; readonly tokens?: readonly Revocation[] }
  /** By `force`, or after `error`; the session may live on at the server. */
  | { readonly kind: "local"; readonly error?: AuthError; readonly tokens?: readonly Revocation[] };

/** Ends the session at the server, then removes it here, whatever the response. */
export async function logout(
  profile: string,
  {
    store,
    tokens,
    exchange,
    force,
    by,
  }: { store: SessionStore; tokens: TokenManager; exchange: ExchangeOptions; force: boolean; by: string },
): Promise<LogoutOutcome> {
  const session = (await store.read(profile)).profile?.session;
  if (session === undefined) return { kind: "not-logged-in" };
  const outcome: EndOutcome = force ? { kind: "local" } : await endAtServer(session, tokens, exchange);
  const end = { reason: "logout", by, at: exchange.clock.now() } as const;
  const after = await store
    // A newer login stays (S-003).
    .change(profile, (stored) => (stored?.session?.id === session.id ? withoutLogin(stored, end) : stored))
    .catch((error: unknown) => {
      throw error instanceof AuthError ? stillStored(error, profile, outcome) : error;
    });
  return { ...outcome, hasNewLogin: after?.session !== undefined };
}

/** Says whether the remaining session is still valid. */
function stillStored(cause: AuthError, profile: string, { kind }: EndOutcome): AuthError {
  const hasEnded = kind === "ended";
  const again = { command: "auth logout", options: [...(hasEnded ? ["--force"] : []), "--profile", profile] };
  // Not to use another directory: the session would stay in this one.
  return new AuthError(
    cause.code,
    `the session ${hasEnded ? "has ended at the service, but is" : "is"} still stored here: ${cause.message}`,
    {
      hint: hint`Fix this, then run: ${again}`,
      cause,
    },
  );
}

/** In memory, so that it can be refreshed once more if needed. */
export async function endReplacedSession(replaced: Session, exchange: ExchangeOptions): Promise<EndOutcome> {
  const { clock, fetch } = exchange;
  const profile = "replaced";
  const service = replaced.server.issuer;
  const store = new MemoryStore(clock);
  await store.change(profile, () => ({ service, clientId: replaced.clientId, team: undefined, session: replaced }));
  const events = { emit: () => undefined, isHeard: () => false, on: () => () => undefined };
  const tokens = new TokenManager({
    store,
    profile: { name: profile, source: "profile" },
    service,
    clock,
    fetch,
    events,
  });
  return endAtServer(replaced, tokens, exchange);
}

async function endAtServer(stored: Session, tokens: TokenManager, exchange: ExchangeOptions): Promise<EndOutcome> {
  try {
    const results = await end();
    exchange.signal?.throwIfAborted();
    // The refresh token comes first, and is the session; the access token alone expires soon.
    const error = results[0]?.error;
    const told = results.length === 0 ? {} : { tokens: results };
    return error === undefined ? { kind: "ended", ...told } : { kind: "local", error, ...told };
  } catch (error) {
    // The session stays here too.
    if (!(error instanceof AuthError) || error.code === "interrupted") throw error;
    return isGrantDead(error) ? { kind: "ended" } : { kind: "local", error };
  }

  async function end(): Promise<readonly Revocation[]> {
    const endpoint = stored.server.logout_endpoint;
    // Revocation needs only the tokens.
    if (endpoint === undefined) return endSession(stored, exchange);
    // The service's logout needs a valid access token, and may take one for expired while the session lives (S-015).
    const { response } = await presentToken(await inUse(), {
      send: (session) => logoutRequest(endpoint, session, exchange).then(refusable),
      renew: (rejected) => inUse({ rejected }),
      clock: exchange.clock,
    });
    await logoutResponse(response);
    return [];
  }

  async function inUse(need: { rejected?: string } = {}): Promise<Session> {
    const current = await tokens.getSession({ ...need, signal: exchange.signal });
    // A login made meanwhile stays (S-003).
    if (current.id !== stored.id)
      throw new AuthError("session_ended", "a new login has replaced the session", {
        hint: hint`To end the new one: ${{ command: "auth logout" }}`,
      });
    return current;
  }
}

/** Then no session is left. */
function isGrantDead({ code, cause }: AuthError): boolean {
  return code === "session_ended" && judgeRefreshFailure(cause) === "dead";
}

export function tokenName({ token }: Pick<Revocation, "token">): string {
  return token.replace("_", " ");
}

/** Warnings about a session that may live on at its service. */
export function unconfirmed(outcome: LogoutOutcome, previous: boolean = false): string[] {
  if ("tokens" in outcome) {
    return outcome.tokens.flatMap(({ token, error }) =>
      error
        ? `the issuer did not confirm the revocation of the ${previous ? "previous " : ""}${tokenName({ token })} (${error.message}): it may remain valid until it expires`
        : [],
    );
  }
  if (outcome.kind !== "local" || !outcome.error) return [];
  return [
    `the service did not confirm the logout${previous ? " of the previous login" : ""} (${outcome.error.message}): the tokens may remain valid until they expire`,
  ];
}
