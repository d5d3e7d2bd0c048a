import { AuthError, ServiceError, hint, login } from "../../base/errors.ts";
import { counted } from "../../base/duration.ts";
import type { Identity } from "../../base/identity.ts";
import type { Secret } from "../../base/secret.ts";
import type { ExchangeOptions } from "../../http/request.ts";
import type { BrowserOutcome } from "../../platform/browser.ts";
import { listenForCallback, type CallbackListener, type ListenOptions } from "../loopback/callback-server.ts";
import {
  authorizationCodeGrant,
  authorizationRequest,
  authorizationResponse,
  createNonce,
  createState,
  type AuthorizationResponse,
} from "../oauth/authorization-code.ts";
import type { AuthorizationServer } from "../oauth/authorization-server.ts";
import { clientFetch } from "../oauth/client-authentication.ts";
import { tokenEndpointFetch } from "../oauth/dpop-fetch.ts";
import { dpopThumbprint } from "../oauth/dpop-proof.ts";
import { codeChallenge, createCodeVerifier } from "../oauth/pkce.ts";
import { pushedAuthorizationRequest, pushedAuthorizationResponse } from "../oauth/pushed-authorization.ts";
import { withScopes } from "../oauth/scope.ts";
import type { Session } from "../sessions/session.ts";
import { requireAgreedHost } from "./agreed-host.ts";
import { completeLogin } from "./complete-login.ts";
import type { LoginRequest } from "./login-request.ts";

export interface BrowserLoginOptions extends ExchangeOptions, Pick<ListenOptions, "redirectHost" | "port" | "ownerOf"> {
  request: LoginRequest;
  identity: Identity;
  timeoutMs: number;
  /** Called before anything is opened. */
  announce: (address: string, redirectUri: string) => void;
  /** `mayBeRead`: other users may read the URL in a command line. */
  open?: ((address: string, mayBeRead: boolean) => Promise<BrowserOutcome>) | undefined;
  /** A warning only: the URL is on the screen. */
  openFailed: (reason: string) => void;
  /** The user sees errors of `take`, and the wait goes on. */
  pasted?: ((take: (line: string) => void, signal: AbortSignal) => void) | undefined;
  /**
   * The browser shows success only afterwards.
   *
   * @returns the account's name
   */
  store: (session: Session) => Promise<string>;
}

/**
 * Authorization code with PKCE over a loopback callback (RFC 8252, RFC 7636), pushed where the server requires it (RFC
 * 9126).
 */
export async function browserLogin(options: BrowserLoginOptions): Promise<Session> {
  const { request, fetch, clock, identity, signal, redirectHost, port } = options;
  requireAgreedHost(request, "authorization_code");
  const { server, clientId: client_id, resource, redirectPath: path } = request;
  const exchange: ExchangeOptions = { fetch, clock, signal };
  const tokenExchange: ExchangeOptions = { ...exchange, fetch: tokenEndpointFetch(request, exchange) };
  const state = createState();
  const nonce = request.isOpenId ? createNonce() : undefined;
  const verifier = createCodeVerifier();
  const judge = (params: URLSearchParams): ReturnType<typeof authorizationResponse> =>
    authorizationResponse(params, { state, ...server });
  const listener = await listenForCallback({
    judge,
    clock,
    owner: { identity, issuer: new URL(server.issuer).host },
    path,
    redirectHost,
    port,
    ownerOf: options.ownerOf,
  });
  let response: AuthorizationResponse | undefined;
  try {
    const redirect_uri = listener.redirectUri;
    const address = await authorizationAddress(
      request,
      { redirect_uri, state, code_challenge: codeChallenge(verifier), nonce },
      exchange,
    );
    options.announce(address, redirect_uri);
    response = await waitForResponse(listener, address, options);
    const code = grantedCode(response, server);
    const tokens = await authorizationCodeGrant(
      server,
      { client_id, code, code_verifier: verifier, redirect_uri, resource },
      tokenExchange,
    );
    let account = "";
    const store = async (session: Session): Promise<void> => void (account = await options.store(session));
    const how = { authFlow: "authorization_code", nonce } as const;
    const session = await completeLogin(tokens, request, how, store, exchange);
    await listener.finish({ kind: "success", account });
    return session;
  } catch (cause) {
    const error = withScopes(cause, request);
    // For a late browser, but not so long that the time limit loses its meaning.
    if (!signal?.aborted)
      await listener.finish(pageFor(error, response), {
        lingerMs: isTimedOut(error) ? Math.min(3_000, options.timeoutMs / 100) : 3_000,
      });
    throw error;
  } finally {
    await listener.close();
  }
}

async function authorizationAddress(
  request: LoginRequest,
  { nonce, ...own }: { redirect_uri: string; state: Secret; code_challenge: string; nonce: string | undefined },
  exchange: ExchangeOptions,
): Promise<string> {
  const { server, clientId: client_id, scope, dpopKey, extra } = request;
  const proving = { ...exchange, fetch: tokenEndpointFetch(request, exchange) };
  // `dpop_jkt` binds the code to the key: stolen, it is as useless as the tokens (RFC 9449 §10).
  const binding = { ...(nonce && { nonce }), ...(dpopKey && { dpop_jkt: dpopThumbprint(dpopKey) }) };
  const address = authorizationRequest(
    server.authorization_endpoint,
    { client_id, scope, ...own },
    { ...extra, ...binding },
  );
  if (!server.require_pushed_authorization_requests) return address;
  const push = async (options: ExchangeOptions): Promise<string> =>
    pushedAuthorizationResponse(await pushedAuthorizationRequest(server, address, options), server, client_id);
  try {
    return await push(proving);
  } catch (error) {
    // Some servers check proofs and send nonces at the token endpoint alone. The request names the key as well, which
    // binds the code (RFC 9449 §10.1).
    const isAboutProof =
      error instanceof ServiceError && (error.error === "use_dpop_nonce" || error.error === "invalid_dpop_proof");
    if (dpopKey === undefined || !isAboutProof) throw error;
    return push({ ...exchange, fetch: clientFetch(request, exchange.fetch) });
  }
}

async function waitForResponse(
  listener: CallbackListener,
  address: string,
  options: BrowserLoginOptions,
): Promise<AuthorizationResponse> {
  const done = new AbortController();
  const waiting = options.signal ? AbortSignal.any([options.signal, done.signal]) : done.signal;
  const late = options.clock.sleep(options.timeoutMs, { signal: waiting }).then(() => {
    const longer = String(Math.min(Math.max(600, (2 * options.timeoutMs) / 1000), 86_400));
    throw new AuthError(
      "timed_out",
      `the login in the browser timed out after ${counted(options.timeoutMs / 1000, "second")}`,
      {
        hint: hint`Try again, with more time or without a browser on this machine: ${login(undefined, "--timeout", longer)}, or ${login(undefined, "--headless")}`,
      },
    );
  });
  late.catch(() => undefined);
  try {
    options.pasted?.(listener.accept, waiting);
    // Another user of the machine can read a browser's command line, but not this terminal (S-009), and could connect
    // first where the owner of a connection is unknown. A runtime that may not start programs says so at once.
    const opening = async (): Promise<BrowserOutcome | undefined> =>
      options.open?.(listener.startAddress(address), listener.tellsOwners);
    void opening().then(
      (outcome) => {
        if (outcome !== undefined && "failed" in outcome && !waiting.aborted) options.openFailed(outcome.failed);
      },
      (error: unknown) => options.openFailed(error instanceof Error ? error.message : String(error)),
    );
    return await Promise.race([listener.callback, late]);
  } finally {
    done.abort();
  }
}

/** The user refused, or the request forbade asking: OpenID Connect Core §3.1.2.6. */
const denials = new Set([
  "access_denied",
  "consent_required",
  "interaction_required",
  "login_required",
  "account_selection_required",
]);

function grantedCode(response: AuthorizationResponse, server: AuthorizationServer): Secret {
  if (response.kind === "code") return response.code;
  if (response.kind === "mix-up") {
    const found =
      response.issuer === undefined
        ? "the response does not name its issuer"
        : `the response came from "${response.issuer}"`;
    throw new AuthError("service_rejected", `${found}, and the request went to "${server.issuer}"`, {
      hint: "Do not log in. Check the URL of the service",
    });
  }
  const tryAgain = hint`Try again: ${login()}`;
  const said = response.description ? `${response.error}: ${response.description}` : response.error;
  if (denials.has(response.error))
    throw new AuthError("access_denied", `the login was denied (${said})`, { hint: tryAgain });
  throw new ServiceError("service_rejected", `the service refused the login (${said})`, {
    error: response.error,
    hint: tryAgain,
  });
}

function isTimedOut(error: unknown): boolean {
  return error instanceof AuthError && error.code === "timed_out";
}

function pageFor(
  error: unknown,
  response: AuthorizationResponse | undefined,
): Parameters<CallbackListener["finish"]>[0] {
  if (!(error instanceof AuthError)) return { kind: "failed" };
  if (error.code === "timed_out") return { kind: "expired" };
  const said = response?.kind === "error" ? (response.description ?? response.error) : undefined;
  return error.code === "access_denied" ? { kind: "denied", said } : { kind: "failed", said, reason: error.message };
}
