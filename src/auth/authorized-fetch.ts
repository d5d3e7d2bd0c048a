import { shownAddress } from "../base/address.ts";
import { AuthError, isTransient, NotAuthenticatedError } from "../base/errors.ts";
import type { Clock } from "../platform/clock.ts";
import type * as runtime from "../base/runtime-types.ts";
import { unreachable } from "../http/request.ts";
import type { TokenManager } from "./token-manager/token-manager.ts";
import { userName, type Credential } from "./sessions/session.ts";
import { resourceFetch } from "./oauth/dpop-fetch.ts";
import { discardBody } from "../http/peek.ts";
import { isTransientStatus, retryAfter, retryDelay } from "../http/retry.ts";
import { mostHops, nextHop, type Hop, type RedirectScope } from "../http/redirect.ts";
import { targetOf } from "../http/token-target.ts";
import { presentToken } from "./present-token.ts";

/** Options of {@link AuthorizedFetch}. */
export interface AuthorizedRequestInit extends runtime.RequestInit {
  /** After 408, 429, 5xx except 501, or no response, for requests that may be repeated; 2 by default. */
  retries?: number;
  /** The time limit of each try, to the last byte read; by default only `fetch`'s own limits apply. */
  timeoutMs?: number;
  /** Where redirects may lead: `"service"`, or by default `"anywhere"`, outside the service as a bare GET or HEAD. */
  redirects?: RedirectScope;
  /** `"optional"`: when not logged in, the request goes without a token. An error by default. */
  login?: "required" | "optional";
}

/**
 * `fetch` with the access token: paths go to the service, other origins get no token, and a 401 leads to one refresh
 * and one replay.
 */
export type AuthorizedFetch = (
  input: string | runtime.URL | runtime.Request,
  init?: AuthorizedRequestInit,
) => Promise<runtime.Response>;

/** @internal */
export interface AuthorizedFetchOptions {
  /** The source of tokens, and the one service for them. */
  tokens: Pick<TokenManager, "service" | "getCredential" | "sessionRefused">;
  clock: Clock;
  fetch: runtime.Fetch;
  /** From 0 to 1, for jitter; `Math.random` by default. */
  random?: () => number;
}

/** The caller then gets the failure, instead of a longer wait. */
const patienceMs = 30_000;

/**
 * Makes a `fetch` for the service, the only way that an access token gets into a request.
 *
 * - A path goes to the service, see {@link targetOf}. Requests to other URLs pass unchanged, without a token.
 * - A redirect takes token, body and headers along only within the service, and never leads to plain http, or from
 *   another machine to this one.
 * - A token that is bound to a key goes with a proof of it (RFC 9449).
 * - A 401 leads to one refresh and one replay as the same user; the second 401 is returned. A stream as a body is not
 *   replayed; the body of a `Request` is read into memory for that.
 * - A request with the same effect when sent twice (RFC 9110 §9.2.2, or with an `Idempotency-Key`) is repeated after
 *   408, 429, 5xx except 501, and no response, as late as the service asks.
 *
 * @throws (the returned function) {@link NotAuthenticatedError} when not logged in, the session expired or was revoked,
 *   or another user has logged in; {@link AuthError} `network_unavailable` without a response, `usage_invalid` for a
 *   path that leaves the service, `service_rejected` when a stream would have to be replayed, and as the token manager;
 *   the signal's reason
 * @internal
 */
export function createAuthorizedFetch({
  tokens,
  clock,
  fetch,
  random = Math.random,
}: AuthorizedFetchOptions): AuthorizedFetch {
  // Fixed for the life of the token manager, see `TokenManager.service`.
  let decided: string | undefined;
  return async (input, options = {}) => {
    const isRequest = input instanceof Request;
    const service = (decided ??= await tokens.service());
    const { url, isService } = targetOf(isRequest ? input.url : input, service);
    const init = isRequest ? await unfold(input, options) : options;
    if (!isService) return fetch(url, init);

    const signal = init.signal ?? undefined;
    const startedAt = clock.monotonic();
    const first = await tokens.getCredential({ signal }).catch((error: unknown) => {
      if (options.login !== "optional" || !(error instanceof NotAuthenticatedError)) throw error;
    });
    const open = {
      token: undefined,
      service,
      scope: options.redirects ?? "anywhere",
      fetch,
      resourceFetch: fetch,
    } as const;
    // Within the service, with or without a token (S-013).
    if (first === undefined) return (await sendThrough(open, { url, init, isService })).response;
    let failures = 0;
    const send = async (credential: Credential): ReturnType<typeof sendThrough> => {
      const door = {
        ...open,
        token: credential.accessToken.reveal(),
        resourceFetch: resourceFetch(credential, { fetch, clock }),
      };
      for (;;) {
        // Another signal costs a loopback request 5 % of its time.
        const asked: RequestInit =
          options.timeoutMs === undefined ? init : { ...init, signal: limited(signal, options.timeoutMs, clock) };
        let answer: Awaited<ReturnType<typeof sendThrough>> | undefined;
        let failure: unknown;
        try {
          answer = await sendThrough(door, { url, init: asked, isService });
        } catch (cause) {
          // Without a cause it is the caller's mistake, such as an invalid header.
          if (cause instanceof TypeError && cause.cause === undefined) throw cause;
          if (cause instanceof AuthError && !isTransient(cause)) throw cause;
          failure = cause instanceof AuthError ? cause : unreachable(url, cause, signal);
          if (signal?.aborted) throw failure;
        }
        if (answer !== undefined && !isTransientStatus(answer.response.status)) return answer;
        const mayRepeat =
          failures < (options.retries ?? 2) &&
          isReplayable(init.body) &&
          isIdempotent(init) &&
          clock.monotonic() - startedAt < patienceMs;
        failures += 1;
        const waitMs = retryDelay({
          attempt: failures,
          retryAfterMs: answer && retryAfter(answer.response),
          random: random(),
        });
        if (!mayRepeat || (answer !== undefined && waitMs > patienceMs)) {
          if (answer !== undefined) return answer;
          throw failure;
        }
        if (answer !== undefined) await discardBody(answer.response);
        await clock.sleep(waitMs, { signal });
      }
    };
    // Handling refusals here would slow every request.
    let answered: Awaited<ReturnType<typeof send>> | undefined = await send(first);
    if (!answered.isRefusal) return answered.response;
    const { response } = await presentToken(first, {
      async send(credential) {
        const answer = answered ?? (await send(credential));
        answered = undefined;
        return answer;
      },
      renew: (rejected) => tokens.getCredential({ rejected, signal }),
      ended: (token) => tokens.sessionRefused(token),
      requireReplay(next) {
        if (next.user?.id !== first.user?.id) throw anotherUser(first, next);
        if (!isReplayable(init.body)) throw notReplayable(url, "rejected the access token");
      },
      clock,
    });
    return response;
  };
}

/** Adds the token and removes other credentials. */
function withToken(
  headers: NonNullable<RequestInit["headers"]> = {},
  token: string,
): NonNullable<RequestInit["headers"]> {
  const authorization = `Bearer ${token}`;
  if (Symbol.iterator in headers) {
    const all = new Headers(headers);
    all.set("authorization", authorization);
    return all;
  }
  // Copied member by member: `fetch` is slow to read a spread object, or `Headers`.
  const all: Record<string, string | readonly string[]> = {};
  for (const [name, value] of Object.entries(headers)) if (name.toLowerCase() !== "authorization") all[name] = value;
  all["authorization"] = authorization;
  return all;
}

function limited(signal: AbortSignal | undefined, timeoutMs: number, clock: Clock): AbortSignal {
  const limit = clock.timeout(timeoutMs);
  return signal === undefined ? limit : AbortSignal.any([signal, limit]);
}

async function unfold(request: Request, init: RequestInit): Promise<RequestInit> {
  const { method, headers, redirect, signal } = request;
  const body = request.body === null || init.body !== undefined ? undefined : await request.arrayBuffer();
  return { method, headers, redirect, signal, ...(body && { body }), ...init };
}

interface Door {
  readonly token: string | undefined;
  readonly service: string;
  readonly scope: RedirectScope;
  readonly fetch: runtime.Fetch;
  /** For requests with the token. */
  readonly resourceFetch: runtime.Fetch;
}

/** With its redirects, see {@link nextHop}. */
async function sendThrough(
  { token, service, scope, fetch, resourceFetch }: Door,
  first: Hop,
): Promise<{ response: Response; isRefusal: boolean }> {
  const redirect = first.init.redirect ?? "follow";
  for (let hop = first, hops = 0; ; hops += 1) {
    // `fetch` is slow to read a spread object: 5 of some 200 µs on loopback.
    const sent: RequestInit = Object.assign({}, hop.init, { redirect: redirect === "follow" ? "manual" : redirect });
    if (hop.isService && token !== undefined) sent.headers = withToken(hop.init.headers, token);
    const response = await (hop.isService ? resourceFetch : fetch)(hop.url, sent);
    if (response === undefined) throw new TypeError("the program's fetch returned no response");
    const next = redirect === "follow" ? nextHop(response, hop, service, scope) : undefined;
    if (next === undefined) {
      if (hops > 0) Object.defineProperty(response, "redirected", { value: true });
      // A custom fetch may have followed redirects itself.
      const isRefusal =
        response.status === 401 &&
        hop.isService &&
        (hops > 0 || !response.redirected || targetOf(response.url, service).isService);
      return { response, isRefusal };
    }
    await discardBody(response);
    if (hops === mostHops)
      throw new AuthError("service_rejected", `${shownAddress(first.url)} redirects too many times`, {
        hint: "Check the URL",
      });
    if (!isReplayable(next.init.body)) throw notReplayable(hop.url, "redirected the request");
    hop = next;
  }
}

function isReplayable(body: RequestInit["body"]): boolean {
  if (body === undefined || body === null || typeof body === "string") return true;
  return (
    body instanceof URLSearchParams ||
    body instanceof FormData ||
    body instanceof Blob ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body)
  );
}

function isIdempotent({ method = "GET", headers }: RequestInit): boolean {
  return /^(GET|HEAD|OPTIONS|PUT|DELETE)$/i.test(method) || new Headers(headers).has("idempotency-key");
}

/** A user who logged in meanwhile did not make this request. */
function anotherUser({ user: before }: Credential, { user: now }: Credential): NotAuthenticatedError {
  const [whose, who] = [before, now].map(userName);
  return new NotAuthenticatedError(`the service rejects the access token of ${whose}, but ${who} is logged in now`, {
    hint: `To send it as ${who}, send it again`,
  });
}

function notReplayable(url: string, why: string): AuthError {
  return new AuthError(
    "service_rejected",
    `${shownAddress(url)} ${why}, and the body is a stream: it cannot be sent again`,
    {
      hint: "Send the request again, with a body in memory",
    },
  );
}
