import { authorizationCodeGrant } from "../../src/auth/oauth/authorization-code.ts";
import { authorizationRequest, authorizationResponse, createState } from "../../src/auth/oauth/authorization.ts";
import type { AuthorizationServer } from "../../src/auth/oauth/authorization-server.ts";
import { discoverAuthorizationServer } from "../../src/auth/oauth/discovery.ts";
import { createDpopKey, dpopFetch, dpopThumbprint } from "../../src/auth/oauth/dpop.ts";
import type { ExchangeOptions } from "../../src/auth/oauth/exchange.ts";
import { validateIdToken, type IdTokenClaims } from "../../src/auth/oauth/id-token.ts";
import { JwkSets } from "../../src/auth/oauth/jwks.ts";
import { codeChallenge, createCodeVerifier } from "../../src/auth/oauth/pkce.ts";
import { pushedAuthorizationRequest, pushedAuthorizationResponse } from "../../src/auth/oauth/pushed-authorization.ts";
import { refreshTokenGrant } from "../../src/auth/oauth/refresh.ts";
import type { TokenResponse } from "../../src/auth/oauth/token-endpoint.ts";
import { userInfoRequest, userInfoResponse, type UserInfo } from "../../src/auth/oauth/user-info.ts";
import { systemClock } from "../../src/platform/clock.ts";
import type { Secret } from "../../src/secret.ts";

export interface LoggedIn {
  server: AuthorizationServer;
  tokens: TokenResponse;
  claims: IdTokenClaims;
  user: UserInfo;
  dpopKey: Secret | undefined;
}

const client_id = "cli_native";
const redirect_uri = "http://127.0.0.1:28888/callback";

const followOnce = async (address: string): Promise<URL> =>
  new URL((await fetch(address, { redirect: "manual" })).headers.get("location") ?? "about:blank");

/** The client under test: one login, one refresh, as the flows put the modules together. One per process, as its keys are. */
export class RelyingParty {
  readonly #keys = new JwkSets();
  readonly #nonces = new Map<string, string>();
  readonly #issuer: string;
  readonly #browse: (address: string) => Promise<URL>;

  /** @param browse - the user: opens an address, and gives the one that the browser was sent back to */
  constructor(issuer: string, browse: (address: string) => Promise<URL> = followOnce) {
    this.#issuer = issuer;
    this.#browse = browse;
  }

  #exchange(key: Secret | undefined): ExchangeOptions {
    return { clock: systemClock, fetch: key === undefined ? fetch : dpopFetch({ fetch, clock: systemClock, key, nonces: this.#nonces }) };
  }

  async login({ scope = "openid offline_access", nonce = "n-0S6_WzA2Mj" } = {}): Promise<LoggedIn> {
    const server = await discoverAuthorizationServer(this.#issuer, this.#exchange(undefined));
    if (server === undefined) throw new Error("nothing discovered");
    const dpopKey = server.dpop_signing_alg_values_supported?.includes("ES256") ? createDpopKey() : undefined;
    const exchange = this.#exchange(dpopKey);
    const state = createState();
    const code_verifier = createCodeVerifier();
    const request = { client_id, redirect_uri, scope, state, code_challenge: codeChallenge(code_verifier) };
    let address = authorizationRequest(server.authorization_endpoint, request, { nonce, prompt: "consent", ...(dpopKey && { dpop_jkt: dpopThumbprint(dpopKey) }) });
    if (server.require_pushed_authorization_requests) {
      address = await pushedAuthorizationResponse(await pushedAuthorizationRequest(server, address, exchange), server, client_id);
    }
    const callback = await this.#browse(address);
    const answer = authorizationResponse(callback.searchParams, { state, ...server });
    if (answer.kind !== "code") throw new Error(answer.kind === "not-ours" ? answer.reason : answer.kind);
    const tokens = await authorizationCodeGrant(server, { client_id, code: answer.code, code_verifier, redirect_uri }, exchange);
    if (tokens.id_token === undefined) throw new Error("no ID token");
    const expected = { server, client_id, access_token: tokens.access_token, now: tokens.date ?? Date.now(), nonce };
    const claims = await validateIdToken(tokens.id_token, expected, this.#keys, this.#exchange(undefined));
    const user = await userInfoResponse(await userInfoRequest(server.userinfo_endpoint ?? "", tokens.access_token, exchange), claims.sub);
    return { server, tokens, claims, user, dpopKey };
  }

  async refresh({ server, tokens, claims: previous, dpopKey }: LoggedIn): Promise<TokenResponse> {
    const exchange = this.#exchange(dpopKey);
    const next = await refreshTokenGrant(server, { client_id, refresh_token: tokens.refresh_token as Secret }, exchange);
    const expected = { server, client_id, access_token: next.access_token, now: next.date ?? Date.now(), previous };
    if (next.id_token !== undefined) await validateIdToken(next.id_token, expected, this.#keys, this.#exchange(undefined));
    return next;
  }
}
