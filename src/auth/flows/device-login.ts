import { AuthError, hint, login } from "../../base/errors.ts";
import { counted } from "../../base/duration.ts";
import type { ExchangeOptions } from "../../http/request.ts";
import type { Clock } from "../../platform/clock.ts";
import {
  deviceAuthorizationRequest,
  deviceAuthorizationResponse,
  deviceCodeGrant,
  type DeviceAuthorization,
} from "../oauth/device-authorization.ts";
import { clientFetch } from "../oauth/client-authentication.ts";
import { tokenEndpointFetch } from "../oauth/dpop-fetch.ts";
import { withScopes } from "../oauth/scope.ts";
import type { TokenResponse } from "../oauth/token-endpoint.ts";
import type { Session } from "../sessions/session.ts";
import { requireAgreedHost } from "./agreed-host.ts";
import { completeLogin } from "./complete-login.ts";
import { nextPoll, startPolling, timeLeft, type ClockReading } from "./device-polling.ts";
import type { LoginRequest } from "./login-request.ts";

interface DeviceLoginOptions extends Omit<ExchangeOptions, "timeoutMs"> {
  request: LoginRequest;
  announce: (authorization: Omit<DeviceAuthorization, "device_code">) => void;
  /** Undefined: the code's lifetime. */
  limitMs?: number | undefined;
  waiting: (leftMs: number) => void;
  store: (session: Session) => Promise<unknown>;
  random?: () => number;
}

/** RFC 8628: opens nothing, listens on nothing. */
export async function deviceLogin(options: DeviceLoginOptions): Promise<Session> {
  const { request, fetch, clock, signal } = options;
  requireAgreedHost(request, "device_code");
  const { server, clientId: client_id, scope, extra } = request;
  const exchange: ExchangeOptions = { fetch, clock, signal };
  const requestedAt = readClocks(clock);
  const response = await deviceAuthorizationRequest(
    server,
    { ...extra, client_id, ...(scope && { scope }) },
    { ...exchange, fetch: clientFetch(request, fetch) },
  );
  const authorization = await deviceAuthorizationResponse(response, server).catch((error: unknown) => {
    throw withScopes(error, request);
  });
  options.announce(authorization);
  const tokens = await poll(authorization, requestedAt, options, {
    ...exchange,
    fetch: tokenEndpointFetch(request, exchange),
  });
  return completeLogin(tokens, request, { authFlow: "device_code" }, options.store, exchange);
}

async function poll(
  authorization: DeviceAuthorization,
  requestedAt: ClockReading,
  { request, limitMs = Infinity, waiting, clock, signal, random = Math.random }: DeviceLoginOptions,
  exchange: ExchangeOptions,
): Promise<TokenResponse> {
  const { server, clientId: client_id, resource } = request;
  const grant = { client_id, device_code: authorization.device_code, resource };
  const limitAt = clock.monotonic() + limitMs;
  let state = startPolling(authorization, requestedAt);
  while (state.kind === "wait") {
    const current = state;
    for (let left = current.ms; left > 0; left -= 1_000) {
      const untilLimit = Math.max(0, limitAt - clock.monotonic());
      const stepMs = Math.min(left, 1_000);
      waiting(Math.min(timeLeft(current, readClocks(clock)), untilLimit));
      await clock.sleep(Math.min(stepMs, untilLimit), { signal });
      // Between polls, never during one: its response may be the tokens.
      if (untilLimit <= stepMs) throw notApproved(limitMs);
    }
    const answer = await deviceCodeGrant(server, grant, exchange).then(
      (tokens) => ({ tokens }),
      (error: unknown) => ({ error }),
    );
    state = nextPoll(current, answer, readClocks(clock), random());
  }
  if (state.kind === "failed") throw state.error;
  return state.tokens;
}

function notApproved(limitMs: number): AuthError {
  return new AuthError("timed_out", `nobody approved the code within ${counted(limitMs / 1000, "second")}`, {
    hint: hint`Run: ${login(undefined, "--headless")}`,
  });
}

function readClocks(clock: Clock): ClockReading {
  return { wall: clock.now(), monotonic: clock.monotonic() };
}
