import { AuthError } from "../../base/errors.ts";
import type { BrowserOutcome } from "../../platform/browser.ts";
import type { Secret } from "../../base/secret.ts";
import { provingFetch } from "../oauth/dpop-fetch.ts";
import { listenForCallback, type CallbackListener } from "../loopback/callback-server.ts";
import { authorizationCodeGrant } from "../oauth/authorization-code.ts";
import { authorizationRequest, authorizationResponse, createNonce, createState, type AuthorizationAnswer } from "../oauth/authorization.ts";
import type { AuthorizationServer } from "../oauth/authorization-server.ts";
import { dpopThumbprint } from "../oauth/dpop.ts";
import type { ExchangeOptions } from "../../http/request.ts";
import { codeChallenge, createCodeVerifier } from "../oauth/pkce.ts";
import { pushedAuthorizationRequest, pushedAuthorizationResponse } from "../oauth/pushed-authorization.ts";
import type { Session } from "../session.ts";
import { completeLogin } from "./complete-login.ts";
import type { LoginRequest } from "./login-request.ts";

/** What a browser login needs to know, and whom it talks to on the way. */
export interface AuthorizationCodeLogin extends Omit<ExchangeOptions, "timeoutMs"> {
  request: LoginRequest;
  redirectHost?: "127.0.0.1" | "localhost" | undefined;
  /** This port and no other; undefined: the first free one. */
  port?: number | undefined;
  /** How long to wait for the callback, in milliseconds. */
  timeoutMs: number;
  /** Tells the user the address, before anything is opened and before the wait begins. */
  announce: (address: string) => void;
  /** Opens the address; undefined leaves that to the user. */
  open?: ((address: string) => Promise<BrowserOutcome>) | undefined;
  /** No browser could be started: a warning, since the address is on the screen. */
  openFailed: (reason: string) => void;
  /** Calls back with each line that the user pastes; what `take` throws is told to the user, and the wait goes on. */
  pasted?: ((take: (line: string) => void, signal: AbortSignal) => void) | undefined;
  /** Stores the session and tells the user: the browser is told of a success only after that. Returns how to call the account. */
  store: (session: Session) => Promise<string>;
}

/**
 * Logs in through the user's browser: authorization code with PKCE over a loopback callback (RFC 8252, RFC 7636), pushed
 * beforehand where the server wants that (RFC 9126).
 *
 * @throws {@link AuthError} `timed_out`, `access_denied`, `interrupted`, or as the exchange and the store do; nothing listens
 * and nothing is stored then
 */
export async function authorizationCodeLogin(login: AuthorizationCodeLogin): Promise<Session> {
  const { request, fetch, clock, signal } = login;
  const { server, clientId: client_id, resource } = request;
  const exchange: ExchangeOptions = { fetch, clock, signal };
  const proving: ExchangeOptions = { ...exchange, fetch: provingFetch(request, exchange) };
  const state = createState();
  const nonce = request.isOpenId ? createNonce() : undefined;
  const verifier = createCodeVerifier();
  const judge = (params: URLSearchParams): ReturnType<typeof authorizationResponse> => authorizationResponse(params, { state, ...server });
  const listener = await listenForCallback({ judge, clock, redirectHost: login.redirectHost, port: login.port });
  try {
    const redirect_uri = listener.redirectUri;
    const address = await addressFor(request, { redirect_uri, state, code_challenge: codeChallenge(verifier), nonce }, proving);
    login.announce(address);
    const answer = await answerTo(listener, address, login);
    const code = grantedCode(answer, server);
    const tokens = await authorizationCodeGrant(server, { client_id, code, code_verifier: verifier, redirect_uri, resource }, proving);
    const { session, stored: who } = await completeLogin(tokens, request, { authFlow: "authorization_code", nonce }, login.store, exchange);
    await listener.finish({ kind: "success", who });
    return session;
  } catch (error) {
    if (!signal?.aborted) await listener.finish(pageFor(error), { lingerMs: 3_000 });
    throw error;
  } finally {
    await listener.close();
  }
}

/** Where to send the browser. */
async function addressFor(
  { server, clientId: client_id, scope, dpopKey, extra }: LoginRequest,
  { nonce, ...own }: { redirect_uri: string; state: Secret; code_challenge: string; nonce: string | undefined },
  exchange: ExchangeOptions,
): Promise<string> {
  // With `dpop_jkt` the code itself is bound to the key: whoever steals it can redeem it no more than the tokens (RFC 9449 §10).
  const binding = { ...(nonce && { nonce }), ...(dpopKey && { dpop_jkt: dpopThumbprint(dpopKey) }) };
  const address = authorizationRequest(server.authorization_endpoint, { client_id, scope, ...own }, { ...extra, ...binding });
  if (!server.require_pushed_authorization_requests) return address;
  return pushedAuthorizationResponse(await pushedAuthorizationRequest(server, address, exchange), server, client_id);
}

/** Waits for the callback, or for the same address pasted, or for the time to be over. */
async function answerTo(listener: CallbackListener, address: string, login: AuthorizationCodeLogin): Promise<AuthorizationAnswer> {
  const done = new AbortController();
  const waiting = login.signal ? AbortSignal.any([login.signal, done.signal]) : done.signal;
  const late = login.clock.sleep(login.timeoutMs, { signal: waiting }).then(() => {
    throw new AuthError("timed_out", `nobody answered in the browser within ${login.timeoutMs / 1000} seconds`, {
      hint: "Run it again, with more time or without a browser here: spec-kitty auth login --timeout 600, or spec-kitty auth login --headless",
    });
  });
  late.catch(() => undefined);
  try {
    login.pasted?.(listener.accept, waiting);
    void login.open?.(address).then((outcome) => {
      if ("failed" in outcome && !waiting.aborted) login.openFailed(outcome.failed);
    }, (error: unknown) => login.openFailed(error instanceof Error ? error.message : String(error)));
    return await Promise.race([listener.callback, late]);
  } finally {
    done.abort();
  }
}

function grantedCode(answer: AuthorizationAnswer, server: AuthorizationServer): Secret {
  if (answer.kind === "code") return answer.code;
  const again = "Try again: spec-kitty auth login";
  if (answer.kind === "mix-up") {
    const found = answer.issuer === undefined ? "the answer does not say whom it came from" : `the answer came from "${answer.issuer}"`;
    throw new AuthError("service_rejected", `${found}, and "${server.issuer}" was asked`, { hint: "Do not log in there. Check the address of the service" });
  }
  const said = answer.description ? `${answer.error}: ${answer.description}` : answer.error;
  if (answer.error === "access_denied") throw new AuthError("access_denied", `the login was denied (${said})`, { hint: again });
  throw new AuthError("service_rejected", `the service refused the login (${said})`, { hint: again });
}

function pageFor(error: unknown): Parameters<CallbackListener["finish"]>[0] {
  if (!(error instanceof AuthError)) return { kind: "failed" };
  if (error.code === "timed_out") return { kind: "expired" };
  return { kind: error.code === "access_denied" ? "denied" : "failed", reason: error.message };
}
