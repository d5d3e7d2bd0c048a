import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { AuthError, hint, login } from "../../base/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import { connectionOwners, type ConnectionOwner } from "../../platform/connection-owner.ts";
import { limitSilentConnections } from "../../platform/silent-connections.ts";
import type { AuthorizationResponse } from "../oauth/authorization-code.ts";
import { browserStart } from "./browser-start.ts";
import { receivedRequest, type Awaited } from "./callback-conditions.ts";
import {
  type CallbackOutcome,
  callbackPage,
  type PageOwner,
  redirection,
  refusal,
  type RenderedPage,
} from "./callback-page.ts";
import { type RedirectHost, takeCallbackPort } from "./callback-port.ts";
import { pastedParameters, pasteRefused } from "./pasted-address.ts";

export interface ListenOptions extends Pick<Awaited, "judge"> {
  path: string;
  /** `127.0.0.1` by default. */
  redirectHost?: RedirectHost | undefined;
  /** By default the first free one of 28888–28898, else any. */
  port?: number | undefined;
  clock: Clock;
  owner: PageOwner;
  /** By default from the system. */
  ownerOf?: Awaited["ownerOf"] | undefined;
}

export interface CallbackListener {
  /** For the authorization request and, unchanged, the token request (RFC 6749 §4.1.3). */
  readonly redirectUri: string;
  readonly tellsOwners: boolean;
  /** See {@link browserStart}. */
  startAddress(address: string): string;
  /** Rejects with `interrupted` when closed earlier, with `access_denied` when two browsers took part. */
  readonly callback: Promise<AuthorizationResponse>;
  /**
   * Takes the redirect URL from a user whose browser could not reach this machine: same checks, same outcome. It holds
   * a code, so it is never quoted.
   *
   * @throws {@link AuthError} `usage_invalid` if it is not the response to this login, which goes on waiting
   */
  accept(pasted: string): void;
  /**
   * Shows the outcome to the waiting browser, then closes everything: success only once the session is stored. Only the
   * first call counts; it never rejects.
   *
   * @param options - `lingerMs`: the wait for the browser to fetch the page and, after expiry, for a late browser;
   *   milliseconds, 2000 by default
   */
  finish(outcome: CallbackOutcome, options?: { lingerMs?: number }): Promise<void>;
  /** Closes every socket at once, so that the process can exit. May be repeated. */
  close(): Promise<void>;
}

// The redirect away from code and state keeps both out of the address bar and the history. The outcome's path cannot be
// guessed: another local program would learn who logged in, and end the wait.
const wrongStatePath = "/not-this-login";
const alreadyUsedPath = "/already-used";
const openedBeforePath = "/opened-before";

/**
 * Listens for the redirect of one login (RFC 8252 §7.3), on loopback only. Only a GET of the exact path with the exact
 * state ends the wait.
 *
 * @throws {@link AuthError} when no port can be taken, see {@link takeCallbackPort}
 */
export async function listenForCallback(options: ListenOptions): Promise<CallbackListener> {
  const { judge, clock, owner, path: redirectPath, redirectHost = "127.0.0.1" } = options;
  let settle: { resolve: (answer: AuthorizationResponse) => void; reject: (error: AuthError) => void } | undefined;
  const callback = new Promise<AuthorizationResponse>((resolve, reject) => (settle = { resolve, reject }));
  // An unawaited rejection must not be an unhandled one.
  callback.catch(() => undefined);

  const gone = new AbortController();
  const donePath = `/done/${randomBytes(16).toString("base64url")}`;
  let answered = false;
  /** The browser must not see a success that then fails. */
  let held: ServerResponse | undefined;
  let outcome: CallbackOutcome | undefined;
  let finishing: Promise<void> | undefined;
  let closing: Promise<void> | undefined;

  const end = (answer: AuthorizationResponse): void => {
    answered = true;
    settle?.resolve(answer);
  };

  const onRequest = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const received = await receivedRequest(request, (await listening).awaited);
    if (received.kind === "refused") return send(response, refusal(received.status, received.why, received.headers));
    if (received.kind === "page") return onPage(received.path, request, response);
    if (received.kind === "unrelated") return send(response, redirection(wrongStatePath));
    if (received.kind === "start") return onStart(received.owner, response);
    if (answered) return send(response, redirection(alreadyUsedPath));
    if (outcome !== undefined) return send(response, redirection(donePath));
    held = response;
    response.once("close", () => (held = undefined));
    end(received.response);
  };

  const onStart = (owner: ConnectionOwner, response: ServerResponse): void => {
    const opened = start.open(owner);
    // One of the two may be another user's.
    if (opened === "contested" && !answered) settle?.reject(openedTwice());
    send(response, redirection(opened === "first" ? startsAt : openedBeforePath));
  };

  const onPage = (path: string, request: IncomingMessage, response: ServerResponse): void => {
    if (path === wrongStatePath) return send(response, callbackPage({ kind: "wrong-state" }, owner));
    if (path === alreadyUsedPath) return send(response, callbackPage({ kind: "already-used" }, owner));
    if (path === openedBeforePath) return send(response, callbackPage({ kind: "opened-before" }, owner));
    // An expired login is no secret, and a late browser may be at any URL.
    if (outcome === undefined || (path !== donePath && outcome.kind !== "expired"))
      return send(response, refusal(404, "not found"));
    // With the socket, not the response: closing earlier could cut the page off.
    if (answered) request.socket.once("close", () => gone.abort());
    send(response, callbackPage(outcome, owner));
  };

  const start = browserStart();
  let startsAt = "";
  const listening = takeCallbackPort(
    () => boundedServer((request, response) => void onRequest(request, response)),
    redirectHost,
    options.port,
  ).then(({ servers, port }) => {
    const authority = `${redirectHost}:${port}`;
    const told = options.ownerOf ?? connectionOwners(port, clock);
    const ownerOf = told ?? (async () => "unknown" as const);
    const awaited = { authority, redirectPath, startPath: start.path, judge, ownerOf };
    return { servers, awaited, authority, tellsOwners: told !== undefined };
  });
  const { servers, authority, tellsOwners } = await listening;
  const redirectUri = `http://${authority}${redirectPath}`;
  const startAddress = (address: string): string => {
    startsAt = address;
    return `http://${authority}${start.path}`;
  };

  const close = (): Promise<void> => {
    closing ??= (async () => {
      settle?.reject(
        new AuthError("interrupted", "the login was canceled", {
          hint: hint`Run: ${login()}`,
        }),
      );
      gone.abort();
      await Promise.all(servers.map(closeServer));
    })();
    return closing;
  };

  const finish: CallbackListener["finish"] = (result, { lingerMs = 2_000 } = {}) => {
    finishing ??= (async () => {
      outcome = result;
      // Otherwise no browser will see it: the URL was pasted, the tab closed, or the login interrupted.
      const isAwaited = held !== undefined || result.kind === "expired";
      if (held !== undefined) send(held, redirection(donePath));
      if (isAwaited) await clock.sleep(lingerMs, { signal: gone.signal }).catch(() => undefined);
      await close();
    })();
    return finishing;
  };

  const accept = (pasted: string): void => {
    const answer = judge(pastedParameters(pasted, redirectUri));
    if (answer.kind === "unrelated")
      throw pasteRefused(`the pasted URL does not belong to this login: ${answer.reason}`);
    if (answered || outcome !== undefined || closing !== undefined)
      throw pasteRefused("the pasted URL came after this login had ended");
    end(answer);
  };

  return { redirectUri, tellsOwners, startAddress, callback, accept, finish, close };
}

function openedTwice(): AuthError {
  return new AuthError("access_denied", "the URL was opened twice: someone else may have opened it", {
    hint: hint`Try again: ${login()}. If it happens again, open the URL yourself: ${login(undefined, "--no-browser")}`,
  });
}

/** Size, time and number of what it reads are limited: no peer can flood, slow or block it. */
function boundedServer(onRequest: (request: IncomingMessage, response: ServerResponse) => void): Server {
  const server = createServer(
    {
      // Includes cookies of every local server: ports do not isolate them (RFC 6265 §8.5).
      maxHeaderSize: 16 * 1024,
      headersTimeout: 5_000,
      requestTimeout: 5_000,
      connectionsCheckingInterval: 1_000,
    },
    onRequest,
  );
  // Then node:http's own responses say `Connection: close` too, and no pipelined request follows.
  server.maxRequestsPerSocket = 1;
  const heard = limitSilentConnections(server);
  server.on("request", (request: IncomingMessage) => heard(request.socket));
  return server;
}

function send(response: ServerResponse, { status, headers, body }: RenderedPage): void {
  // `close` here makes node:http close the connection, which would keep the process running.
  response.writeHead(status, { ...headers, connection: "close", "content-length": Buffer.byteLength(body) }).end(body);
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
