import { AuthorizationEndpoint } from "../../src/app/testing/authorization.ts";
import { DeviceEndpoint } from "../../src/app/testing/device.ts";
import {
  failure,
  formOf,
  type Answer,
  type FakeRequest,
  type Handler,
  type Route,
} from "../../src/app/testing/http.ts";
import { issueTokens, openSession, type TokenAnswer } from "../../src/app/testing/sessions.ts";
import { tokenEndpoint } from "../../src/app/testing/token.ts";
import { usualScope } from "./options.ts";
import { consentPage, devicePage, page } from "./pages.ts";
import type { FakeState } from "./state.ts";
import { isUserName } from "./users.ts";

/** The authorization server of `spec-kitty/testing`, with pages for a user's decision. */
export function oauthRoutes(state: FakeState): Route[] {
  const authorization = new AuthorizationEndpoint(state);
  const device = new DeviceEndpoint(state);
  const token = tokenEndpoint(state, { authorization, device });
  return [
    ["GET", "/oauth/authorize", (request) => askForConsent(state, authorization, request)],
    ["POST", "/oauth/authorize", (request) => consent(authorization, request)],
    [
      "POST",
      "/oauth/device",
      (request) => refusedClient(state, request) ?? refusedScope(state, formOf(request)) ?? device.authorize(request),
    ],
    ["GET", "/device", ({ query }) => askForCode(state, query.get("user_code") ?? "")],
    ["POST", "/device", (request) => enterCode(device, request)],
    ["POST", "/oauth/token", (request) => refusedClient(state, request) ?? answerToken(state, token, request)],
  ];
}

function refusedClient({ options: { clientId } }: FakeState, request: FakeRequest): Answer | undefined {
  const form = formOf(request);
  if (clientId === undefined || form === undefined || form.get("client_id") === clientId) return undefined;
  return { ...failure(401, "invalid_client"), headers: { "Cache-Control": "no-store" } };
}

/** The parameters that hold an identity, by grant. */
const exchanges: Readonly<Record<string, string>> = {
  "urn:ietf:params:oauth:grant-type:token-exchange": "subject_token",
  "urn:ietf:params:oauth:grant-type:jwt-bearer": "assertion",
};

/** Counts, and may forgive a second use of a refresh token, or not rotate it. */
function answerToken(state: FakeState, token: Handler, request: FakeRequest): Answer {
  const { options, counters } = state;
  const form = formOf(request);
  const grantType = form?.get("grant_type") ?? "";
  const parameter = exchanges[grantType];
  if (parameter !== undefined)
    return { headers: { "Cache-Control": "no-store" }, ...exchangeIdentity(state, form?.get(parameter) ?? null) };
  const grant = state.refreshTokens.get(form?.get("refresh_token") ?? "");
  if (grant?.consumed) counters.reuses += 1;
  if (grant?.consumed && options.reuse === "benign")
    return failure(409, "refresh_replay_benign_retry", { retry_after: 0 });
  const answer = token(request);
  if (grantType.endsWith(":device_code")) counters.devicePolls += 1;
  if (typeof answer.body === "object" && "error" in answer.body && answer.body.error === "slow_down")
    counters.slowDowns += 1;
  if (answer.status !== 200) return answer;
  counters[grant === undefined ? "logins" : "refreshes"] += 1;
  if (options.rotate || grant === undefined) return answer;
  grant.consumed = false;
  return { ...answer, body: withoutRefreshToken(answer.body as TokenAnswer) };
}

function withoutRefreshToken({
  refresh_token: _,
  refresh_token_expires_in: _in,
  refresh_token_expires_at: _at,
  ...answer
}: TokenAnswer): object {
  return answer;
}

function refusedScope(
  { options: { requiredScope } }: FakeState,
  asked: URLSearchParams | undefined,
): Answer | undefined {
  const scopes = asked?.get("scope")?.split(" ") ?? [];
  const isMissing = asked !== undefined && requiredScope !== undefined && !scopes.includes(requiredScope);
  return isMissing ? failure(400, "invalid_scope", { error_description: `${requiredScope} is missing` }) : undefined;
}

/** What is wrong with a request for the user to see, since the client is not trusted. */
function problemOf({ options: { clientId, redirectPath } }: FakeState, query: URLSearchParams): string | undefined {
  if (clientId !== undefined && query.get("client_id") !== clientId) return "the client is not known";
  const redirectUri = query.get("redirect_uri") ?? "";
  const { pathname = "", search = "" } = URL.canParse(redirectUri) ? new URL(redirectUri) : {};
  return redirectPath === undefined || pathname + search === redirectPath
    ? undefined
    : "the redirect URL is not registered";
}

function askForConsent(state: FakeState, authorization: AuthorizationEndpoint, { query }: FakeRequest): Answer {
  const problem = problemOf(state, query);
  const begun = problem === undefined ? authorization.begin(query) : { problem };
  if ("problem" in begun) return page(400, "Bad request", begun.problem);
  if ("status" in begun) return begun;
  if (refusedScope(state, query) !== undefined) {
    const address = new URL(query.get("redirect_uri") ?? "");
    const error_description = `${state.options.requiredScope} is missing`;
    const parameters = { error: "invalid_scope", error_description, state: query.get("state") ?? "" };
    for (const [name, value] of Object.entries(parameters)) address.searchParams.set(name, value);
    return { status: 302, headers: { Location: address.href, "Cache-Control": "no-store" } };
  }
  return consentPage(`${state.options.basePath}/oauth/authorize`, begun.pending, begun.scope, state.users);
}

function consent(authorization: AuthorizationEndpoint, request: FakeRequest): Answer {
  const form = formOf(request);
  const user = form?.get("user");
  const decided = isUserName(user)
    ? authorization.decide(form?.get("request") ?? "", form?.get("decision") === "approve" ? user : undefined)
    : undefined;
  return decided ?? page(400, "Bad request", "this page has been used or is not ours");
}

function askForCode(state: FakeState, userCode: string): Answer {
  return devicePage(`${state.options.basePath}/device`, userCode, state.users);
}

function enterCode(device: DeviceEndpoint, request: FakeRequest): Answer {
  const form = formOf(request);
  const user = form?.get("user");
  if (!isUserName(user)) return page(400, "Bad request", "no such account");
  const isApproved = form?.get("decision") === "approve";
  if (!device.decide(form?.get("user_code") ?? "", isApproved ? user : null))
    return page(400, "Not this code", "The code is wrong, used or expired.");
  return isApproved
    ? page(200, "Connected", "You can go back to your device.")
    : page(200, "Denied", "The device gets no access.");
}

/** RFC 8693 §2.2 and RFC 7523 §3: an access token without a refresh token. */
function exchangeIdentity(state: FakeState, jwt: string | null): Answer {
  const { identity } = state.options;
  if (identity === null) return failure(400, "unsupported_grant_type");
  if (jwt === null) return failure(400, "invalid_request");
  state.issued.set(jwt, "identity_token");
  const user = identity(jwt);
  if (typeof user !== "string") return failure(400, "invalid_grant", { error_description: user.refused });
  state.counters.exchanges += 1;
  const session = openSession(state, { user, clientId: "", scope: usualScope });
  const issued_token_type = "urn:ietf:params:oauth:token-type:access_token";
  return {
    status: 200,
    body: { ...withoutRefreshToken(issueTokens(state, session)), issued_token_type },
  };
}
