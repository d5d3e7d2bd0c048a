import type { ExchangeOptions } from "../../http/request.ts";
import type { Clock } from "../../platform/clock.ts";
import { deviceAuthorizationRequest, deviceAuthorizationResponse, deviceCodeGrant, type DeviceAuthorization } from "../oauth/device-authorization.ts";
import { clientFetch } from "../oauth/client-authentication.ts";
import { tokenEndpointFetch } from "../oauth/dpop-fetch.ts";
import { withScopes } from "../oauth/scope.ts";
import type { TokenResponse } from "../oauth/token-endpoint.ts";
import type { Session } from "../session.ts";
import { requireAgreedHost } from "./agreed-host.ts";
import { completeLogin } from "./complete-login.ts";
import { nextPoll, startPolling, timeLeft, type ClockReading } from "./device-polling.ts";
import type { LoginRequest } from "./login-request.ts";

/** Options of {@link deviceLogin}. */
export interface DeviceLoginOptions extends Omit<ExchangeOptions, "timeoutMs"> {
  request: LoginRequest;
  /** Shows the user the address to open and the code to enter. */
  announce: (authorization: Omit<DeviceAuthorization, "device_code">) => void;
  /** Called once a second during the wait, with the time until the code expires, in milliseconds. */
  waiting: (leftMs: number) => void;
  /** Stores the session and tells the user. */
  store: (session: Session) => Promise<unknown>;
  /** From 0 to 1, for jitter; `Math.random` by default. */
  random?: () => number;
}

/**
 * Logs in by a code that the user enters in a browser on another device (RFC 8628). Opens nothing and listens on nothing.
 *
 * @throws {@link AuthError} `consent_required` as {@link requireAgreedHost}, `timed_out`, `access_denied`, `interrupted`, or as the
 * exchange and the store do; nothing is stored then
 */
export async function deviceLogin(options: DeviceLoginOptions): Promise<Session> {
  const { request, fetch, clock, signal } = options;
  requireAgreedHost(request, "device_code");
  const { server, clientId: client_id, scope, extra } = request;
  const exchange: ExchangeOptions = { fetch, clock, signal };
  const requestedAt = readClocks(clock);
  const response = await deviceAuthorizationRequest(server, { ...extra, client_id, ...(scope && { scope }) }, { ...exchange, fetch: clientFetch(request, fetch) });
  const authorization = await deviceAuthorizationResponse(response, server).catch((error: unknown) => {
    throw withScopes(error, request);
  });
  options.announce(authorization);
  const tokens = await poll(authorization, requestedAt, options, { ...exchange, fetch: tokenEndpointFetch(request, exchange) });
  return (await completeLogin(tokens, request, { authFlow: "device_code" }, options.store, exchange)).session;
}

async function poll(
  authorization: DeviceAuthorization,
  requestedAt: ClockReading,
  { request, waiting, clock, signal, random = Math.random }: DeviceLoginOptions,
  exchange: ExchangeOptions,
): Promise<TokenResponse> {
  const { server, clientId: client_id, resource } = request;
  const grant = { client_id, device_code: authorization.device_code, resource };
  let state = startPolling(authorization, requestedAt);
  while (state.kind === "wait") {
    const current = state;
    for (let left = current.ms; left > 0; left -= 1_000) {
      waiting(timeLeft(current, readClocks(clock)));
      await clock.sleep(Math.min(left, 1_000), { signal });
    }
    const answer = await deviceCodeGrant(server, grant, exchange).then((tokens) => ({ tokens }), (error: unknown) => ({ error }));
    state = nextPoll(current, answer, readClocks(clock), random());
  }
  if (state.kind === "failed") throw state.error;
  return state.tokens;
}

function readClocks(clock: Clock): ClockReading {
  return { wall: clock.now(), monotonic: clock.monotonic() };
}
