import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { AuthError, hint, login } from "../../base/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import { connectionOwners, type ConnectionOwner, type Ends } from "../../platform/connection-owner.ts";
import type { AuthorizationResponse, UnrelatedRedirect } from "../oauth/authorization-code.ts";
import { browserStart } from "./browser-start.ts";
import { receivedRequest } from "./callback-conditions.ts";
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

export interface ListenOptions {
  /** Judges the query of a redirect: `authorizationResponse` with the state of this login. */
  judge: (params: URLSearchParams) => AuthorizationResponse | UnrelatedRedirect;
  /** Of the redirect URI; `/callback` by default. */
  path?: string | undefined;
  /** The host in the redirect URI; `127.0.0.1` by default. */
  redirectHost?: RedirectHost | undefined;
  /** This port only; by default the first free one of 28888–28898, else any. */
  port?: number | undefined;
  clock: Clock;
  owner: PageOwner;
  /** Whose a connection is; by default as the system says. */
  ownerOf?: (socket: Ends) => Promise<ConnectionOwner>;
}

/** A port that waits for the redirect of one login. */
export interface CallbackListener {
  /** For the authorization request and, unchanged, for the token request (RFC 6749 §4.1.3). */
  readonly redirectUri: string;
  /** Whether the system says whose a connection is. */
  readonly tellsOwners: boolean;
  /** The one-time address with which a browser is started here, see {@link browserStart}. */
  startAddress(address: string): string;
  /**
   * The response to this login. Rejects with `interrupted` when the listener is closed before it arrives, with `access_denied` when two
   * browsers took part.
   */
  readonly callback: Promise<AuthorizationResponse>;
  /**
   * Takes the redirect address from a user whose browser could not reach this machine: the same checks, the same outcome. It holds a code,
   * so it is never quoted. Throws `usage_invalid` when it is not the response to this login, which goes on waiting.
   */
  accept(pasted: string): void;
  /**
   * Shows the outcome to the browser that brought the response, then closes everything: success only once the session is stored. Only the
   * first call counts; it never rejects.
   *
   * @param options - `lingerMs`: how long to wait for the browser to fetch the page and, when the login has expired, how long a
   * late browser still gets the page that says so; milliseconds, 2000 by default
   */
  finish(outcome: CallbackOutcome, options?: { lingerMs?: number }): Promise<void>;
  /** Closes every socket at once, whatever it is doing, so that the process can exit. May be called again. */
  close(): Promise<void>;
}

// No page is shown at the address that holds code and state: the redirect away from it keeps both out of the address bar and
// the history. The address of the outcome cannot be guessed: any local program can ask for it, would learn who has logged in,
// and would end the wait for the browser that should see it.
const wrongStatePath = "/not-this-login";
const alreadyUsedPath = "/already-used";
const openedBeforePath = "/opened-before";

// Far more than a browser opens, which is six, and than another user can open while its request is on the way; silent connections beyond
// that are closed, the oldest first. A limit for each peer would separate nobody: all of 127.0.0.0/8 is everybody's.
const maxSilentConnections = 256;

/**
 * Listens for the redirect of one login (RFC 8252 §7.3), on the loopback interface only. Nothing but a GET of the exact
 * path with the exact state ends the wait; every other request to the port is answered and ignored.
 *
 * @throws {@link AuthError} when no port can be taken, see {@link takeCallbackPort}
 */
export async function listenForCallback(options: ListenOptions): Promise<CallbackListener> {
  const { judge, clock, owner, path: redirectPath = "/callback", redirectHost = "127.0.0.1" } = options;
  let settle: { resolve: (answer: AuthorizationResponse) => void; reject: (error: AuthError) => void } | undefined;
  const callback = new Promise<AuthorizationResponse>((resolve, reject) => (settle = { resolve, reject }));
  // Closing while nothing awaits it must not be an unhandled rejection.
  callback.catch(() => undefined);

  const gone = new AbortController();
  const donePath = `/done/${randomBytes(16).toString("base64url")}`;
  let answered = false;
  /** The browser that brought the response: it waits, so that it is never shown a success that then fails. */
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
    // One of the two may be another user's, and nobody can say which.
    if (opened === "contested" && !answered) settle?.reject(openedTwice());
    send(response, redirection(opened === "first" ? startsAt : openedBeforePath));
  };

  const onPage = (path: string, request: IncomingMessage, response: ServerResponse): void => {
    if (path === wrongStatePath) return send(response, callbackPage({ kind: "wrong-state" }, owner));
    if (path === alreadyUsedPath) return send(response, callbackPage({ kind: "already-used" }, owner));
    if (path === openedBeforePath) return send(response, callbackPage({ kind: "opened-before" }, owner));
    // That a login has expired is no secret, and a late browser may be at any address.
    if (outcome === undefined || (path !== donePath && outcome.kind !== "expired"))
      return send(response, refusal(404, "nothing here"));
    // When the socket closes, not the response: closing everything earlier could cut the page off.
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
      // Otherwise no browser is left to see it: the address was pasted, the tab is closed, or the login was interrupted.
      const isAwaited = held !== undefined || result.kind === "expired";
      if (held !== undefined) send(held, redirection(donePath));
      if (isAwaited) await clock.sleep(lingerMs, { signal: gone.signal }).catch(() => undefined);
      await close();
    })();
    return finishing;
  };

  const accept = (pasted: string): void => {
    const answer = judge(pastedParameters(pasted, redirectUri));
    if (answer.kind === "unrelated") throw pasteRefused(`does not belong to this login: ${answer.reason}`);
    if (answered || outcome !== undefined || closing !== undefined)
      throw pasteRefused("came after this login had ended");
    end(answer);
  };

  return { redirectUri, tellsOwners, startAddress, callback, accept, finish, close };
}

function openedTwice(): AuthError {
  return new AuthError("access_denied", "the URL was opened twice: someone else may have opened it", {
    hint: hint`Nothing was changed. Try again: ${login()}. If it happens again, open the URL yourself: ${login(undefined, "--no-browser")}`,
  });
}

/** A server that no peer can flood, slow down or keep open: size, time and number of what it reads are bounded. */
function boundedServer(onRequest: (request: IncomingMessage, response: ServerResponse) => void): Server {
  const server = createServer(
    {
      // Cookies count too, including those of every other local server: ports do not isolate them (RFC 6265 §8.5).
      maxHeaderSize: 16 * 1024,
      headersTimeout: 5_000,
      requestTimeout: 5_000,
      connectionsCheckingInterval: 1_000,
    },
    onRequest,
  );
  // With this, even the answers that node:http gives by itself say `Connection: close`, and no pipelined request follows.
  server.maxRequestsPerSocket = 1;
  const silent = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    silent.add(socket);
    socket.once("close", () => silent.delete(socket));
    const [oldest] = silent;
    if (silent.size > maxSilentConnections) oldest?.destroy();
  });
  server.on("request", (request: IncomingMessage) => silent.delete(request.socket));
  return server;
}

function send(response: ServerResponse, { status, headers, body }: RenderedPage): void {
  // Set here, `close` also makes node:http close the connection: an open one would keep the process running.
  response.writeHead(status, { ...headers, connection: "close", "content-length": Buffer.byteLength(body) }).end(body);
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
