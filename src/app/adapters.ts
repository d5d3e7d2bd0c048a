import type { Auth } from "./auth.ts";
import type { LoginOptions } from "./login/options.ts";
import { boundToken } from "../auth/sessions/session.ts";
import { isAuthError } from "../base/errors.ts";
import type * as runtime from "../base/runtime-types.ts";
import { targetOf } from "../http/token-target.ts";

/** The part of a client of google-auth-library that puts a token into requests. */
export interface GoogleHeaders {
  /** The headers of a request to an address: empty when that is not on the service. */
  getRequestHeaders(url?: string | runtime.URL): Promise<RequestHeaders>;
}

/** The headers of a request, a `Headers` of the runtime. */
export interface RequestHeaders extends Iterable<[name: string, value: string]> {
  get(name: string): string | null;
}

/**
 * The login for clients that take google-auth-library's `getRequestHeaders`: give them to one of its clients, such as
 * `Object.assign(new PassThroughClient(), googleHeaders(auth))`.
 *
 * @param auth - from `createAuth`
 * @throws (the returned function) what `auth.getToken` throws; AuthError `configuration_invalid` when the token is bound to a key
 */
export function googleHeaders(auth: Auth): GoogleHeaders {
  return {
    async getRequestHeaders(url) {
      if (url !== undefined && !targetOf(url, await auth.service()).isService) return new Headers();
      return new Headers({ authorization: `Bearer ${await unboundToken(auth)}` });
    },
  };
}

/** What Octokit makes of an `authStrategy`. */
export interface OctokitAuthentication {
  (): Promise<{ type: "token"; tokenType: "oauth"; token: string }>;
  hook(request: OctokitRequest, route: unknown, parameters?: unknown): Promise<unknown>;
}

/** Octokit's `request`, as far as a strategy needs it. */
export interface OctokitRequest {
  (options: never): unknown;
  endpoint: { merge(...options: never[]): object };
}

/**
 * The login as an `authStrategy` of Octokit: every request goes through `auth.fetch`, with its one refresh and one replay after a 401.
 *
 * @param auth - from `createAuth`, whose service is Octokit's `baseUrl`
 */
export function octokitStrategy(auth: Auth): () => OctokitAuthentication {
  const authenticate = async (): ReturnType<OctokitAuthentication> => ({
    type: "token",
    tokenType: "oauth",
    token: await unboundToken(auth),
  });
  const hook: OctokitAuthentication["hook"] = async (request, route, parameters) => {
    const endpoint: { request?: object } = request.endpoint.merge(route as never, parameters as never);
    return request({ ...endpoint, request: { ...endpoint.request, fetch: auth.fetch } } as never);
  };
  return () => Object.assign(authenticate, { hook });
}

/** The tokens of {@link McpAuthProvider}: no refresh token is among them, so the SDK refreshes nothing itself. */
export interface McpTokens {
  access_token: string;
  token_type: string;
}

/** An `OAuthClientProvider` of the MCP SDK. */
export interface McpAuthProvider {
  readonly redirectUrl: string;
  readonly clientMetadata: { redirect_uris: string[] };
  clientInformation(): { client_id: string };
  tokens(): Promise<McpTokens | undefined>;
  saveTokens(): void;
  redirectToAuthorization(authorizationUrl: runtime.URL): Promise<void>;
  saveCodeVerifier(): void;
  codeVerifier(): string;
}

/**
 * The login as an `OAuthClientProvider` of the MCP SDK. The SDK would refresh in each process by itself, and a server that rotates refresh
 * tokens would end the session; here all processes share one refresh. With `fetch: auth.fetch` as well, a token that the server refuses
 * early is replaced within the same request:
 * `new StreamableHTTPClientTransport(url, { authProvider: mcpAuthProvider(auth), fetch: auth.fetch })`.
 *
 * @param auth - from `createAuth`, whose service is the MCP server's address or its origin
 * @param login - how the user logs in when the server asks for it; the SDK then throws its `UnauthorizedError`, and the next connection
 * succeeds. Without it the request ends with the error of `auth.getToken`, whose hint says how
 */
export function mcpAuthProvider(auth: Auth, login?: LoginOptions): McpAuthProvider {
  // The SDK makes a login of its own of a 401, and its first step is to ask for the client. So the token that it was given last was refused.
  let given: string | undefined;
  let rejected: string | undefined;
  const redirectUrl = "http://127.0.0.1/callback";
  const current = async (): Promise<McpTokens> => {
    const { token, tokenType } = await auth.getToken(rejected === undefined ? {} : { rejected });
    if (tokenType === "DPoP") throw boundToken();
    rejected = undefined;
    given = token;
    return { access_token: token, token_type: tokenType };
  };
  return {
    redirectUrl,
    clientMetadata: { redirect_uris: [redirectUrl] },
    clientInformation() {
      rejected = given;
      // Never sent: the login is `auth.login`.
      return { client_id: "unused" };
    },
    async tokens() {
      try {
        return await current();
      } catch (error) {
        // Nobody is logged in: undefined is how the SDK is told that it has to ask for that.
        if (isAuthError(error) && (error.code === "not_authenticated" || error.code === "session_ended"))
          return undefined;
        throw error;
      }
    },
    saveTokens: () => undefined,
    async redirectToAuthorization({ href }) {
      // A refresh may have replaced the refused token meanwhile: the next request has it.
      if (given !== undefined && rejected === undefined) return;
      given = rejected = undefined;
      if (login === undefined) await current();
      // What the server calls itself is what its tokens have to be for (RFC 8707), and the SDK has asked it.
      else await auth.login({ resource: new URL(href).searchParams.get("resource") ?? undefined, ...login });
    },
    saveCodeVerifier: () => undefined,
    codeVerifier: () => "",
  };
}

async function unboundToken(auth: Auth): Promise<string> {
  const { token, tokenType } = await auth.getToken();
  if (tokenType === "DPoP") throw boundToken();
  return token;
}
