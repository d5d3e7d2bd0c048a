import { createHash, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { readProof } from "./proof.ts";
import { anotherSigningKey, firstSigningKey, signJwt, type SigningKey } from "./signing-key.ts";

type Json = Record<string, unknown>;

/** Deviations of the provider: each changes what it would have answered. */
export interface Misbehaviour {
  metadata?: (metadata: Json) => Json;
  /** Answers instead of the metadata. */
  discovery?: () => Response;
  /** Edits the query of the redirect in place. */
  redirect?: (parameters: URLSearchParams) => void;
  /** The claims of a login's ID token. */
  idToken?: (claims: Json) => Json;
  /** The claims of a refresh's ID token. */
  refreshedIdToken?: (claims: Json) => Json;
  header?: Json;
  /** The signed ID token as text. */
  forge?: (token: string) => string;
  keySet?: (keys: Json[]) => unknown[];
  tokens?: (answer: Json) => Json;
  userinfo?: (claims: Json) => Json;
  /** Called just before the ID token is signed. */
  beforeSigning?: () => void;
  /** Answers instead of revoking; undefined revokes. */
  revoke?: (form: Json) => Response | undefined;
  /** Answers the request for a device code, which the provider does not know of itself. */
  device?: (form: Json) => Response;
  /** Answers a pushed request with a proof, instead of accepting it. */
  provenPush?: () => Response;
  /** The resource server's challenge, as a header. */
  challenge?: (header: string) => string;
}

export interface MockProviderOptions {
  /** `ES256` by default: keys for RSA take long to generate. */
  alg?: string;
  /** The client has this secret, and presents it in this way everywhere; `unlisted`: the metadata do not say so, and Basic is meant. */
  client?: { secret: string; method: "client_secret_basic" | "client_secret_post" | "unlisted" };
  /** Registers every client that asks (RFC 7591), and knows no other client. */
  registers?: boolean;
  /** `required`: only pushed authorization requests. */
  par?: "required";
  /** Both servers bind tokens to keys; with `nonces` they also require a nonce of theirs in every proof. */
  dpop?: "plain" | "nonces" | undefined;
}

/** One request that reached the provider or its resource server. */
export interface MockRequest {
  readonly method: string;
  readonly path: string;
  readonly form: Json;
  readonly headers: IncomingMessage["headers"];
  status: number;
}

interface Grant {
  readonly request: Json;
  readonly jkt: string | undefined;
}

const client_id = "cli_native";
const token = (): string => randomBytes(16).toString("base64url");
const sha256 = (text: string): string => createHash("sha256").update(text).digest("base64url");

/**
 * A small OpenID provider on loopback sockets, with a resource server on another port. It enforces the rules for a public native
 * client (PKCE, exact redirect, rotation with reuse detection) until it is told to misbehave.
 */
export class MockProvider {
  readonly requests: MockRequest[] = [];
  misbehaviour: Misbehaviour = {};
  issuer = "";
  resource = "";
  #keys: SigningKey[];
  readonly #options: MockProviderOptions;
  readonly #servers: Server[] = [];
  readonly #pushed = new Map<string, Json>();
  readonly #codes = new Map<string, Grant>();
  readonly #refreshTokens = new Map<string, Grant>();
  readonly #accessTokens = new Map<string, Grant>();
  /** The registered clients, by id. */
  readonly clients = new Map<string, Json>();
  readonly #nonces = { issuer: token(), resource: token() };

  private constructor(options: MockProviderOptions) {
    this.#options = options;
    this.#keys = [firstSigningKey(options.alg ?? "ES256")];
  }

  static async start(options: MockProviderOptions = {}): Promise<MockProvider> {
    const provider = new MockProvider(options);
    provider.issuer = await provider.#listen((...asked) => provider.#answerAsIssuer(...asked));
    provider.resource = await provider.#listen((request) => provider.#answerAsResource(request));
    return provider;
  }

  async close(): Promise<void> {
    for (const server of this.#servers) {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    }
  }

  /** Signs with a new key from now on, and publishes no other. */
  rotateKeys(kid: string): void {
    this.#keys = [anotherSigningKey(this.#keys[0]?.alg ?? "ES256", kid)];
  }

  /** Publishes one more key, and keeps signing with the first. */
  addKey(kid: string): void {
    this.#keys.push(anotherSigningKey(this.#keys[0]?.alg ?? "ES256", kid));
  }

  /** The requested paths, in order. */
  get paths(): string[] {
    return this.requests.map(({ path }) => path);
  }

  async #listen(answer: (request: IncomingMessage, url: URL, form: Json, body: string) => Response): Promise<string> {
    const server = createServer(async (request, response) => {
      let body = "";
      for await (const chunk of request) body += String(chunk);
      const url = new URL(request.url ?? "/", origin);
      const record: MockRequest = {
        method: request.method ?? "",
        path: url.pathname,
        form: Object.fromEntries(new URLSearchParams(body)),
        headers: request.headers,
        status: 0,
      };
      this.requests.push(record);
      const answered = answer(request, url, record.form, body);
      record.status = answered.status;
      response.writeHead(answered.status, Object.fromEntries(answered.headers)).end(await answered.text());
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    this.#servers.push(server);
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return origin;
  }

  #answerAsIssuer(request: IncomingMessage, url: URL, form: Json, body: string): Response {
    if (request.method === "POST" && !this.#isClient(request, form)) return failure(401, "invalid_client");
    switch (`${request.method} ${url.pathname}`) {
      case "GET /.well-known/openid-configuration":
        return this.misbehaviour.discovery?.() ?? Response.json(this.#metadata());
      case "GET /jwks":
        return Response.json({
          keys: (this.misbehaviour.keySet ?? ((keys) => keys))(this.#keys.map(({ publicJwk }) => ({ ...publicJwk }))),
        });
      case "POST /register": {
        if (!this.#options.registers) return failure(404, "not_found");
        const registered = { ...(JSON.parse(body) as Json), client_id: token() };
        this.clients.set(registered.client_id, registered);
        return Response.json(registered, { status: 201 });
      }
      case "GET /authorize":
        return this.#authorize(Object.fromEntries(url.searchParams));
      case "POST /par":
        if (this.misbehaviour.provenPush && request.headers["dpop"] !== undefined)
          return this.misbehaviour.provenPush();
        return this.#withProof(request, (jkt) => this.#push(form, jkt));
      case "POST /token":
        return this.#withProof(request, (jkt) => this.#token(form, jkt));
      case "POST /device":
        return this.misbehaviour.device?.(form) ?? failure(404, "not_found");
      case "POST /revoke": {
        const refusal = this.misbehaviour.revoke?.(form);
        if (refusal !== undefined) return refusal;
        this.#refreshTokens.delete(String(form["token"]));
        this.#accessTokens.delete(String(form["token"]));
        return new Response();
      }
    }
    return failure(404, "not_found");
  }

  /** Whether the client is registered, with this redirect URI if there is one. Any port will do (RFC 8252 §7.3): others may have its own. */
  #knows({ client_id: id, redirect_uri: uri }: Json): boolean {
    if (!this.#options.registers) return id === client_id;
    const uris = this.clients.get(String(id))?.["redirect_uris"];
    const portless = (address: unknown): string => String(address).replace(/(?<=^http:\/\/[^/]*):\d+/, "");
    return Array.isArray(uris) && (uri === undefined || uris.map(portless).includes(portless(uri)));
  }

  #isClient({ headers }: IncomingMessage, form: Json): boolean {
    const { client } = this.#options;
    if (client === undefined) return form["client_secret"] === undefined && headers.authorization === undefined;
    if (client.method === "client_secret_post")
      return form["client_secret"] === client.secret && headers.authorization === undefined;
    const encoded = [client_id, client.secret]
      .map((text) => new URLSearchParams({ x: text }).toString().slice(2))
      .join(":");
    return (
      form["client_secret"] === undefined &&
      headers.authorization === `Basic ${Buffer.from(encoded).toString("base64")}`
    );
  }

  #metadata(): Json {
    const { issuer, resource } = this;
    const { client, dpop, par, registers } = this.#options;
    const metadata = {
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/jwks`,
      userinfo_endpoint: `${resource}/userinfo`,
      revocation_endpoint: `${issuer}/revoke`,
      authorization_response_iss_parameter_supported: true,
      ...(client &&
        client.method !== "unlisted" && { token_endpoint_auth_methods_supported: [client.method, "private_key_jwt"] }),
      ...(registers && { registration_endpoint: `${issuer}/register` }),
      ...(dpop && { dpop_signing_alg_values_supported: ["ES256"] }),
      ...(par && {
        pushed_authorization_request_endpoint: `${issuer}/par`,
        require_pushed_authorization_requests: true,
      }),
    };
    return this.misbehaviour.metadata?.(metadata) ?? metadata;
  }

  #push(form: Json, jkt: string | undefined): Response {
    const request_uri = `urn:ietf:params:oauth:request_uri:${token()}`;
    this.#pushed.set(request_uri, { ...form, dpop_jkt: form["dpop_jkt"] ?? jkt });
    return Response.json({ request_uri, expires_in: 60 }, { status: 201 });
  }

  /** The user approves at once. */
  #authorize(query: Json): Response {
    const request = query["request_uri"] === undefined ? query : this.#pushed.get(String(query["request_uri"]));
    if (request === undefined || (this.#options.par && query["request_uri"] === undefined))
      return failure(400, "invalid_request");
    const isKept =
      request["response_type"] === "code" && this.#knows(request) && request["code_challenge_method"] === "S256";
    if (!isKept) return failure(400, "invalid_request");
    const code = token();
    this.#codes.set(code, { request, jkt: request["dpop_jkt"] as string | undefined });
    const parameters = new URLSearchParams({ code, state: String(request["state"]), iss: this.issuer });
    this.misbehaviour.redirect?.(parameters);
    return new Response(null, {
      status: 302,
      headers: { location: `${String(request["redirect_uri"])}?${parameters}` },
    });
  }

  #token(form: Json, jkt: string | undefined): Response {
    if (!this.#knows(form)) return failure(401, "invalid_client");
    const isRefresh = form["grant_type"] === "refresh_token";
    const [store, name] = isRefresh ? [this.#refreshTokens, "refresh_token"] : [this.#codes, "code"];
    const grant = store.get(String(form[name]));
    // Each is good for one use; a refresh token that is sent twice finds nothing.
    store.delete(String(form[name]));
    if (grant === undefined || (grant.jkt !== undefined && grant.jkt !== jkt)) return failure(400, "invalid_grant");
    const { request } = grant;
    const isVerified =
      sha256(String(form["code_verifier"])) === request["code_challenge"] &&
      form["redirect_uri"] === request["redirect_uri"];
    if (!isRefresh && !isVerified) return failure(400, "invalid_grant");

    const access_token = token();
    const refresh_token = token();
    this.#accessTokens.set(access_token, { request, jkt });
    this.#refreshTokens.set(refresh_token, { request, jkt });
    const { tokens = (answer) => answer } = this.misbehaviour;
    const id_token = String(request["scope"]).split(" ").includes("openid")
      ? this.#idToken(access_token, isRefresh ? undefined : request["nonce"], isRefresh)
      : undefined;
    return Response.json(
      tokens({
        access_token,
        refresh_token,
        id_token,
        token_type: jkt === undefined ? "Bearer" : "DPoP",
        expires_in: 3600,
        scope: request["scope"],
      }),
    );
  }

  #idToken(access_token: string, nonce: unknown, isRefresh: boolean): string {
    const { idToken, refreshedIdToken, header, forge = (text) => text, beforeSigning } = this.misbehaviour;
    beforeSigning?.();
    const iat = Math.floor(Date.now() / 1000);
    const hash = createHash(this.#keys[0]?.publicJwk.kty === "OKP" ? "sha512" : "sha256")
      .update(access_token)
      .digest();
    const at_hash = hash.subarray(0, hash.length / 2).toString("base64url");
    const claims: Json = {
      iss: this.issuer,
      sub: "u_alice",
      aud: this.#options.registers ? [...this.clients.keys()].at(-1) : client_id,
      nonce,
      iat,
      exp: iat + 3600,
      at_hash,
      email: "alice@example.com",
    };
    const change = (isRefresh ? refreshedIdToken : idToken) ?? ((same: Json) => same);
    return forge(signJwt(this.#keys[0] as SigningKey, change(claims), header));
  }

  #answerAsResource(request: IncomingMessage): Response {
    const [scheme = "", access_token = ""] = (request.headers.authorization ?? "").split(" ");
    const grant = this.#accessTokens.get(access_token);
    const refuse = (error: string, headers = {}): Response =>
      failure(401, error, {
        "www-authenticate": this.misbehaviour.challenge?.(`${scheme} error="${error}"`) ?? `${scheme} error="${error}"`,
        ...headers,
      });
    if (grant === undefined) return refuse("invalid_token");
    if (grant.jkt !== undefined) {
      // A bound token is not a bearer token (RFC 9449 §7.2).
      if (scheme.toLowerCase() !== "dpop") return refuse("invalid_token");
      const { claims, jkt } = readProof(String(request.headers["dpop"]));
      if (
        jkt !== grant.jkt ||
        claims["ath"] !== sha256(access_token) ||
        claims["htu"] !== this.resource + String(request.url)
      )
        return refuse("invalid_dpop_proof");
      if (this.#options.dpop === "nonces" && claims["nonce"] !== this.#nonces.resource)
        return refuse("use_dpop_nonce", { "dpop-nonce": this.#nonces.resource });
    }
    const claims = { sub: "u_alice", email: "alice@example.com", name: "Alice" };
    return Response.json(this.misbehaviour.userinfo?.(claims) ?? claims);
  }

  /** Checks the proof of a request to the issuer, if there is one, and continues with the thumbprint of its key. */
  #withProof(request: IncomingMessage, goOn: (jkt: string | undefined) => Response): Response {
    const proof = request.headers["dpop"];
    if (proof === undefined) return goOn(undefined);
    const { claims, jkt } = readProof(String(proof));
    if (claims["htm"] !== request.method || claims["htu"] !== this.issuer + String(request.url))
      return failure(400, "invalid_dpop_proof");
    const nonce = this.#nonces.issuer;
    if (this.#options.dpop === "nonces" && claims["nonce"] !== nonce)
      return failure(400, "use_dpop_nonce", { "dpop-nonce": nonce });
    return goOn(jkt);
  }
}

function failure(status: number, error: string, headers: Record<string, string> = {}): Response {
  return Response.json({ error }, { status, headers });
}
