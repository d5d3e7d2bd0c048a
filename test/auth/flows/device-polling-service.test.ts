import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { nextPoll, startPolling, type PollState } from "../../../src/auth/flows/device-polling.ts";
import { defaultAuthorizationServer } from "../../../src/auth/oauth/authorization-server.ts";
import {
  deviceAuthorizationRequest,
  deviceAuthorizationResponse,
  deviceCodeGrant,
  type DeviceAuthorization,
} from "../../../src/auth/oauth/device-authorization.ts";
import type { ExchangeOptions } from "../../../src/http/request.ts";
import { ManualClock } from "../../helpers/manual-clock.ts";
import { AuthError } from "../../../src/base/errors.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import type { FakeOptions } from "../../fake-saas/options.ts";
import { startFakeSaas, type FakeSaas } from "../../fake-saas/server.ts";
import { approveDevice, denyDevice } from "../../fake-saas/user.ts";

/** The service on a real socket; the client is on its clock, which advances only in waits. */
async function login(
  t: TestContext,
  options: Partial<FakeOptions>,
  onPoll: (poll: number, saas: FakeSaas, authorization: DeviceAuthorization) => unknown,
  exchange: ExchangeOptions = { fetch, clock: systemClock },
): Promise<{ state: PollState; saas: FakeSaas; seconds: number }> {
  let now = 1_000_000;
  const saas = await startFakeSaas({ ...options, now: () => now });
  t.after(() => saas.close());
  const server = defaultAuthorizationServer(saas.url);
  const request = await deviceAuthorizationRequest(
    server,
    { client_id: "cli_native", scope: "offline_access" },
    exchange,
  );
  const authorization = await deviceAuthorizationResponse(request, server);
  const reading = (): { wall: number; monotonic: number } => ({ wall: now, monotonic: now });
  let state = startPolling(authorization, reading());
  for (let poll = 1; state.kind === "wait"; poll++) {
    now += state.ms;
    await onPoll(poll, saas, authorization);
    const grant = deviceCodeGrant(
      server,
      { client_id: "cli_native", device_code: authorization.device_code },
      exchange,
    );
    const answer = await grant.then(
      (tokens) => ({ tokens }),
      (error: unknown) => ({ error }),
    );
    state = nextPoll(state, answer, reading(), 0.5);
  }
  return { state, saas, seconds: (now - 1_000_000) / 1000 };
}

test("FR-018 a service that enforces its interval, announced or not, never has to say slow_down", async (t) => {
  for (const deviceIntervalSeconds of [null, 1, 5, 10]) {
    const { state, saas } = await login(t, { deviceIntervalSeconds }, async (poll, _, authorization) => {
      if (poll === 4) await approveDevice(authorization.verification_uri, authorization.user_code);
    });
    assert.equal(state.kind, "done");
    assert.deepEqual([saas.counters.devicePolls, saas.counters.slowDowns], [4, 0]);
  }
});

test("FR-018 a service with an interval beyond the cap says slow_down once, and its interval is respected from then on", async (t) => {
  const { state, saas } = await login(t, { deviceIntervalSeconds: 14 }, async (poll, _, authorization) => {
    if (poll === 8) await approveDevice(authorization.verification_uri, authorization.user_code);
  });
  assert.equal(state.kind, "done");
  assert.equal(saas.counters.slowDowns, 1);
});

test("a service that fails, cuts the connection or asks to wait does not end the login", async (t) => {
  const { state, seconds } = await login(t, {}, async (poll, saas, authorization) => {
    if (poll === 1) saas.faults.next("/oauth/token", { status: 503, body: "<html>busy</html>" });
    if (poll === 2) saas.faults.next("/oauth/token", { status: 429, headers: { "Retry-After": "40" }, body: "slow" });
    if (poll === 3) saas.faults.next("/oauth/token", { reset: "before" });
    if (poll === 4) await approveDevice(authorization.verification_uri, authorization.user_code);
  });
  assert.equal(state.kind, "done");
  assert.equal(seconds, 5 + 5.75 + 40 + 8);
});

test("a poll is waited for when its response takes 11 s: the tokens in it are the only ones", async (t) => {
  const clock = new ManualClock();
  const slow: typeof fetch = async (input, init) => {
    if (String(input).endsWith("/oauth/token")) clock.pass(11_000);
    return fetch(input, init);
  };
  const { state } = await login(t, {}, (_, __, at) => approveDevice(at.verification_uri, at.user_code), {
    fetch: slow,
    clock,
  });
  assert.equal(state.kind, "done");
});

test("a denial ends the login as denied, and silence ends it as timed out", async (t) => {
  const denied = await login(t, {}, (_, __, { verification_uri, user_code }) =>
    denyDevice(verification_uri, user_code),
  );
  assert.ok(
    denied.state.kind === "failed" &&
      denied.state.error instanceof AuthError &&
      denied.state.error.code === "access_denied",
  );
  const silent = await login(t, { deviceCodeSeconds: 30 }, () => {});
  assert.ok(
    silent.state.kind === "failed" &&
      silent.state.error instanceof AuthError &&
      silent.state.error.code === "timed_out",
  );
  assert.equal(silent.seconds, 25);
});
