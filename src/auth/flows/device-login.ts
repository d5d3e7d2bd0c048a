import type { Clock } from "../../platform/clock.ts";
import type { Secret } from "../../base/secret.ts";
import { nextPoll, startPolling, timeLeft, type PollReading } from "./device-polling.ts";
import { provingFetch } from "../oauth/dpop-fetch.ts";
import {
  deviceAuthorizationRequest,
  deviceAuthorizationResponse,
  deviceCodeGrant,
  type DeviceAuthorization,
} from "../oauth/device-authorization.ts";
import type { ExchangeOptions } from "../../http/request.ts";
import type { TokenResponse } from "../oauth/token-endpoint.ts";
import type { Session } from "../session.ts";
import { completeLogin } from "./complete-login.ts";
import type { LoginRequest } from "./login-request.ts";

/** What a device login needs to know, and whom it talks to on the way. */
export interface DeviceCodeLogin extends Omit<ExchangeOptions, "timeoutMs"> {
  request: LoginRequest;
  /** Shows the user where to go and what to type. */
  announce: (authorization: Omit<DeviceAuthorization, "device_code">) => void;
  /** Says how long the code still lives, in milliseconds: once a second while it waits. */
  waiting: (leftMs: number) => void;
  /** Stores the session and tells the user. */
  store: (session: Session) => Promise<unknown>;
  /** From 0 to 1, for jitter; `Math.random` by default. */
  random?: () => number;
}

/**
 * Logs in by a code that the user types into a browser elsewhere (RFC 8628). Opens nothing and listens on nothing.
 *
 * @throws {@link AuthError} `timed_out`, `access_denied`, `interrupted`, or as the exchange and the store do; nothing is
 * stored then
 */
export async function deviceCodeLogin(login: DeviceCodeLogin): Promise<Session> {
  const { request, fetch, clock, signal } = login;
  const { server, clientId: client_id, scope, extra } = request;
  const exchange: ExchangeOptions = { fetch, clock, signal };
  const asked = readClocks(clock);
  const authorization = await deviceAuthorizationResponse(await deviceAuthorizationRequest(server, { ...extra, client_id, scope }, exchange));
  login.announce(authorization);
  const tokens = await poll(authorization, asked, login, { ...exchange, fetch: provingFetch(request, exchange) });
  return (await completeLogin(tokens, request, { authFlow: "device_code" }, login.store, exchange)).session;
}

async function poll(
  { expires_in, interval, device_code }: DeviceAuthorization,
  asked: PollReading,
  login: DeviceCodeLogin,
  exchange: ExchangeOptions,
): Promise<TokenResponse> {
  const { clock, signal, random = Math.random } = login;
  const { server, clientId: client_id, resource } = login.request;
  let state = startPolling({ expires_in, interval }, asked);
  while (state.kind === "wait") {
    const current = state;
    for (let left = current.ms; left > 0; left -= 1_000) {
      login.waiting(timeLeft(current, readClocks(clock)));
      await clock.sleep(Math.min(left, 1_000), { signal });
    }
    state = nextPoll(current, await ask({ client_id, device_code, resource }), readClocks(clock), random());
  }
  if (state.kind === "failed") throw state.error;
  return state.tokens;

  async function ask(grant: { client_id: string; device_code: Secret; resource: string | undefined }): Promise<{ tokens: TokenResponse } | { error: unknown }> {
    try {
      return { tokens: await deviceCodeGrant(server, grant, exchange) };
    } catch (error) {
      return { error };
    }
  }
}

function readClocks(clock: Clock): PollReading {
  return { wall: clock.now(), monotonic: clock.monotonic() };
}
