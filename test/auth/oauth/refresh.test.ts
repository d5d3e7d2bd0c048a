import assert from "node:assert/strict";
import { test } from "node:test";
import { judgeRefreshFailure, type RefreshVerdict } from "../../../src/auth/oauth/refresh.ts";
import { NotAuthenticatedError } from "../../../src/base/errors.ts";
import { serviceFailure, unreachable } from "../../../src/http/request.ts";

const verdictOn = (status: number, error?: string): RefreshVerdict =>
  judgeRefreshFailure(serviceFailure(new Response(null, { status }), error === undefined ? undefined : { error }));

test("S-004 a status that may be another next time is no end of the session, whatever the response says besides", () => {
  for (const status of [408, 429, 500, 502, 503, 504, 599])
    for (const error of [undefined, "invalid_grant", "session_invalid", "bad_refresh_token"])
      assert.equal(verdictOn(status, error), "transient", `${status} ${error}`);
  assert.equal(
    judgeRefreshFailure(unreachable("https://as.example", new TypeError("fetch failed"), undefined)),
    "transient",
  );
});

test("FR-012 the session has ended only when the server refuses the grant by its name", () => {
  for (const status of [200, 400, 401])
    for (const error of ["invalid_grant", "session_invalid", "bad_refresh_token"])
      assert.equal(verdictOn(status, error), "dead", `${status} ${error}`);
  for (const error of [
    undefined,
    "invalid_client",
    "invalid_request",
    "unauthorized_client",
    "invalid_scope",
    "tea_time",
  ])
    for (const status of [400, 401, 403]) assert.equal(verdictOn(status, error), "refused", `${status} ${error}`);
  // A gateway's, without knowledge of grants.
  for (const status of [301, 403, 404, 410, 501])
    assert.equal(verdictOn(status, "invalid_grant"), "refused", String(status));
  assert.equal(judgeRefreshFailure(new NotAuthenticatedError("another user")), "dead");
  assert.equal(judgeRefreshFailure(new TypeError("a mistake of ours")), "refused");
});

test("a replay that the server forgives is no end of the session, whatever its status", () => {
  for (const status of [400, 401, 409, 503])
    assert.equal(verdictOn(status, "refresh_replay_benign_retry"), "replayed", String(status));
});
