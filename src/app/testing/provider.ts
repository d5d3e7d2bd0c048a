import { generateKeyPairSync, sign, type KeyPairKeyObjectResult } from "node:crypto";
import type { AuthorizationServer } from "../../auth/oauth/authorization-server.ts";
import type { Clock } from "../../platform/clock.ts";
import { AuthorizationEndpoint } from "./authorization.ts";
import { DeviceEndpoint } from "./device.ts";
import { failure, formOf, type Answer, type FakeRequest, type Route } from "./http.ts";
import { Issuer, issuerDefaults, type IssuerOptions, type IssuerSession, type IssuerUser } from "./issuer.ts";
import { authenticated } from "./sessions.ts";
import { tokenEndpoint } from "./token.ts";

/** An OpenID provider whose user decides at once. */
export class Provider extends Issuer {
  override readonly users: Record<string, IssuerUser> = {};
  override readonly options: IssuerOptions;
  /** Who approves logins, a name in {@link users}; undefined denies them. */
  approver: string | undefined;
  readonly routes: readonly Route[];
  readonly #clock: Clock;
  #keys: KeyPairKeyObjectResult | undefined;

  constructor(clock: Clock, options: Partial<IssuerOptions>) {
    super();
    this.#clock = clock;
    this.options = { ...issuerDefaults, ...options };
    const authorization = new AuthorizationEndpoint(this);
    const device = new DeviceEndpoint(this);
    this.routes = [
      ["GET", "/.well-known/oauth-authorization-server", () => ({ status: 200, body: this.#metadata() })],
      ["GET", "/.well-known/openid-configuration", () => ({ status: 200, body: this.#metadata() })],
      ["GET", "/jwks", () => ({ status: 200, body: { keys: [this.#publicKey()] } })],
      ["GET", "/oauth/authorize", ({ query }) => this.#authorize(authorization, query)],
      ["POST", "/oauth/device", (request) => this.#authorizeDevice(device, request)],
      ["POST", "/oauth/token", tokenEndpoint(this, { authorization, device })],
      ["POST", "/oauth/revoke", (request) => this.#revokeToken(request)],
      ["GET", "/userinfo", authenticated(this, ({ user }) => ({ status: 200, body: claimsOf(user) }))],
    ];
  }

  override now(): number {
    return this.#clock.now();
  }

  override idToken({ clientId, user, nonce }: IssuerSession): string {
    const now = Math.floor(this.now() / 1000);
    const claims = { iss: this.url, aud: clientId, iat: now, exp: now + 300, nonce };
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
    const text = `${part({ alg: "ES256", kid: "fake" })}.${part({ ...claims, ...claimsOf(this.users[user]) })}`;
    const signature = sign("sha256", Buffer.from(text), { key: this.#keyPair().privateKey, dsaEncoding: "ieee-p1363" });
    return `${text}.${signature.toString("base64url")}`;
  }

  #authorize(authorization: AuthorizationEndpoint, query: URLSearchParams): Answer {
    const begun = authorization.begin(query);
    if ("problem" in begun) return { status: 400, body: begun.problem };
    if ("status" in begun) return begun;
    return authorization.decide(begun.pending, this.approver) ?? failure(400, "invalid_request");
  }

  #authorizeDevice(device: DeviceEndpoint, request: FakeRequest): Answer {
    const answer = device.authorize(request);
    if (typeof answer.body === "object" && "user_code" in answer.body)
      device.decide(String(answer.body.user_code), this.approver ?? null);
    return answer;
  }

  /** RFC 7009 §2: access tokens go with the refresh token. */
  #revokeToken(request: FakeRequest): Answer {
    const token = formOf(request)?.get("token") ?? "";
    const grant = this.refreshTokens.get(token) ?? this.accessTokens.get(token);
    if (grant !== undefined) grant.session.ended = "token_revoked";
    return { status: 200 };
  }

  override get endpoints(): AuthorizationServer {
    const { logout_endpoint: _, ...endpoints } = super.endpoints;
    const { url } = this;
    return { ...endpoints, userinfo_endpoint: `${url}/userinfo`, revocation_endpoint: `${url}/oauth/revoke` };
  }

  #metadata(): object {
    return {
      ...this.endpoints,
      jwks_uri: `${this.url}/jwks`,
      response_types_supported: ["code"],
      code_challenge_methods_supported: ["S256"],
      token_endpoint_auth_methods_supported: ["none"],
      id_token_signing_alg_values_supported: ["ES256"],
    };
  }

  #publicKey(): object {
    return { ...this.#keyPair().publicKey.export({ format: "jwk" }), kid: "fake", alg: "ES256", use: "sig" };
  }

  #keyPair(): KeyPairKeyObjectResult {
    return (this.#keys ??= generateKeyPairSync("ec", { namedCurve: "P-256" }));
  }
}

function claimsOf({ user_id: sub, email, name }: IssuerUser = { user_id: "", teams: [] }): object {
  return { sub, email, name };
}
