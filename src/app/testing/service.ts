import { randomUUID } from "node:crypto";
import type { Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemoryStore } from "../../auth/sessions/memory-store.ts";
import type * as runtime from "../../base/runtime-types.ts";
import type { Auth } from "../auth.ts";
import { createAuth } from "../create-auth.ts";
import type { AuthOptions } from "../options.ts";
import type { AppOverrides } from "../overrides.ts";
import { browse, loopbackRequest } from "./browser.ts";
import { ManualClock } from "./clock.ts";
import { handlerOf, type Answer, type FakeRequest } from "./http.ts";
import type { IssuerUser } from "./issuer.ts";
import { listen } from "./listen.ts";
import { Provider } from "./provider.ts";
import { authenticate, issueTokens, openSession } from "./sessions.ts";
import { sessionOfTokens } from "./stored-session.ts";

/** A user of the fake service: an email address, or more. */
export type FakeUser =
  | string
  | {
      readonly email: string;
      /** The email address by default. */
      readonly id?: string;
      readonly name?: string;
    };

/** The owner of a request's access token. */
export interface FakeCaller {
  readonly email: string;
  /** The scopes of the login, separated by spaces. */
  readonly scope: string;
}

/** Handles a request. */
export type FakeApi = (request: runtime.Request, caller: FakeCaller) => runtime.Response | Promise<runtime.Response>;

/** How the fake service behaves. Everything has a default. */
export interface FakeServiceOptions {
  /** Who approves logins; `alice@example.com` by default, null denies them. */
  readonly user?: FakeUser | null;
  /** How long access tokens are valid, in seconds; an hour by default. */
  readonly expiresIn?: number;
  /**
   * The tool's own API: handles each request with a valid access token that no endpoint of the issuer takes. By default
   * 404. Other requests get 401.
   */
  readonly api?: FakeApi;
}

/** A login made without a browser. */
export interface FakeLogin {
  /** `alice@example.com` by default. */
  readonly user?: FakeUser;
  /** Granted scopes; `openid offline_access` by default. */
  readonly scope?: string;
  /** Remaining validity of its access token, in seconds; as the service's by default. Zero: expired. */
  readonly expiresIn?: number;
  /** `default` by default. */
  readonly profile?: string;
}

/** A clock that a test moves. It starts at the current time and stands still; waiting takes no real time. */
export interface FakeClock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Lets time pass, in milliseconds. */
  pass(ms: number): void;
}

/** `status` is 0 before the response. */
export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  /** By lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly status: number;
}

/**
 * Options for `createAuth` and `createCommand`, after the tool's own: the fake service is issuer and service, its clock
 * tells the time, its user is the browser, and logins are in its memory. Reads and writes nothing on this machine.
 */
export type FakeToolOptions = {
  readonly [Name in
    | "issuer"
    | "service"
    | "fetch"
    | "clock"
    | "storage"
    | "keychain"
    | "env"
    | "folder"
    | "cwd"]-?: Exclude<AuthOptions[Name], undefined>;
};

/** The same signature as the global `fetch`. */
export type FakeFetch = (input: string | runtime.URL, init?: runtime.RequestInit) => Promise<runtime.Response>;

/** An issuer and a service in one. Made by {@link fakeService} and {@link startFakeService}. */
export interface FakeService {
  /** Issuer and service. */
  readonly url: string;
  /** Handles requests to {@link FakeService.url} without a socket; other URLs fail to connect. */
  readonly fetch: FakeFetch;
  readonly clock: FakeClock;
  readonly options: FakeToolOptions;
  /** Received, in order. */
  readonly requests: readonly ReceivedRequest[];
  /** Every token and code issued: none belongs in output or a log. */
  readonly secrets: readonly string[];
  /** Set it to false for a network failure. */
  isReachable: boolean;
  /** Who approves logins from now on; null denies them. */
  approveAs(user: FakeUser | null): void;
  /** Makes a login for every program with {@link FakeService.options}. */
  logIn(login?: FakeLogin): void;
  /** Opens a URL as the user's browser, and approves or denies. A login with `open: false` needs this. */
  visit(address: string): Promise<void>;
  /** Ends every session, as an administrator does. Programs notice at their next request. */
  revoke(): void;
  /** Stops listening. */
  close(): Promise<void>;
}

/**
 * A fake issuer and service without a socket, for programs in the test's own process.
 *
 * @param options - see {@link FakeServiceOptions}
 */
export function fakeService(options: FakeServiceOptions = {}): FakeService {
  return serviceAt("https://service.example", options);
}

/**
 * The same on a free loopback port, for programs in other processes, which use the machine's clock.
 *
 * @param options - see {@link FakeServiceOptions}
 */
export async function startFakeService(options: FakeServiceOptions = {}): Promise<FakeService> {
  let service: FakeService | undefined;
  const { server, url } = await listen(async (request) => (await service?.fetch(request as never)) as Response);
  service = serviceAt(url, options, server);
  return service;
}

/** What {@link fakeAuth} starts with. */
export interface FakeAuthOptions extends FakeServiceOptions, Omit<FakeLogin, "user"> {
  /** Who is logged in, and approves further logins; null: not logged in, and logins are denied. */
  readonly user?: FakeUser | null;
  /** The session was revoked at the service, which the tool notices at its next request; false by default. */
  readonly revoked?: boolean;
  /** The tool's own description, for its name in errors and hints; `acme` by default. */
  readonly tool?: Partial<Omit<AuthOptions, keyof FakeToolOptions>>;
}

/**
 * A login for the tests of code that takes one: what `createAuth` returns, at a fake service of its own.
 *
 * @param options - see {@link FakeAuthOptions}
 */
export function fakeAuth({ tool, scope, profile, revoked = false, ...options }: FakeAuthOptions = {}): {
  readonly auth: Auth;
  readonly service: FakeService;
} {
  const { user = alice, expiresIn } = options;
  const service = fakeService({ ...options, ...(expiresIn !== undefined && expiresIn <= 0 && { expiresIn: 3600 }) });
  if (user !== null)
    service.logIn({
      user,
      ...(scope !== undefined && { scope }),
      ...(expiresIn !== undefined && { expiresIn }),
      ...(profile !== undefined && { profile }),
    });
  if (revoked) service.revoke();
  const auth = createAuth({ name: "acme", version: "1.0.0", clientId: "acme-cli", ...tool, ...service.options });
  return { auth, service };
}

const alice = "alice@example.com";

function serviceAt(
  url: string,
  { user: approver = alice, expiresIn = 3600, api }: FakeServiceOptions,
  server?: Server,
): FakeService {
  const clock = new ManualClock();
  // Polls from another process take real time.
  const deviceIntervalSeconds = server === undefined ? 5 : 1;
  const provider = new Provider(clock, { accessTokenSeconds: expiresIn, deviceIntervalSeconds });
  provider.url = url;
  const store = new MemoryStore(clock);
  const requests: ReceivedRequest[] = [];
  // Requests take no clock time, and no wait ends during one.
  let underWay = 0;
  clock.isHeld = () => underWay > 0;
  clock.isBackgroundStill = true;
  const held = async <T>(work: () => Promise<T>): Promise<T> => {
    underWay += 1;
    try {
      return await work();
    } finally {
      underWay -= 1;
    }
  };

  const answer = async (request: Request): Promise<Response> => {
    const { pathname: path, search: query, searchParams } = new URL(request.url);
    const forApi = request.clone();
    const headers = Object.fromEntries(request.headers);
    const { method } = request;
    const received = { method, path, query, headers, body: await request.text(), status: 0 };
    requests.push(received);
    const asked: FakeRequest = { ...received, query: searchParams };
    const response = await respond(asked, forApi);
    response.headers.set("date", new Date(clock.now()).toUTCString());
    received.status = response.status;
    return response;
  };
  const respond = async (asked: FakeRequest, request: Request): Promise<Response> => {
    const handler = handlerOf(provider.routes, asked);
    if (handler !== undefined) return responseOf(handler(asked));
    // A response from the tool's API there would mean something to the library (RFC 8615).
    if (asked.path.startsWith("/.well-known/")) return responseOf({ status: 404 });
    const caller = authenticate(provider, asked);
    if ("status" in caller) return responseOf(caller);
    const { user, session } = caller;
    const response = await api?.(request, { email: user.email ?? user.user_id, scope: session.scope });
    return (response as Response | undefined) ?? responseOf({ status: 404, body: { error: "not_found" } });
  };

  // Never created, and of no other test.
  const folder = join(tmpdir(), `fake-${randomUUID()}`);
  const hidden: Pick<AppOverrides, "sessions" | "browser"> = {
    sessions: store,
    browser: {
      async open(address) {
        service.visit(address).catch(() => undefined);
        return { launched: "the fake service" };
      },
      // The system's list of connections is long where many tests run.
      ownerOf: async () => "own",
    },
  };
  const toolOptions: FakeToolOptions = {
    issuer: url,
    service: url,
    fetch: (input, init) => service.fetch(input, init),
    clock,
    storage: "memory",
    keychain: false,
    env: { BROWSER: "fake" },
    folder,
    cwd: folder,
    ...hidden,
  };
  const service: FakeService = {
    url,
    clock,
    requests,
    get secrets() {
      return [...provider.issued.keys()];
    },
    isReachable: true,
    fetch: (input, init) =>
      held(async () => {
        const request = new Request(input as string, init as RequestInit);
        if (new URL(request.url).origin !== url) throw noConnection("ENOTFOUND");
        if (!service.isReachable) throw noConnection("ECONNREFUSED");
        return unlessAborted(request.signal, answer(request));
      }),
    options: toolOptions,
    approveAs: (user) => void (provider.approver = user === null ? undefined : added(provider, user)),
    logIn({ user = alice, scope = "openid offline_access", expiresIn: left = expiresIn, profile = "default" } = {}) {
      const session = openSession(provider, { user: added(provider, user), scope, clientId: "fake" });
      const tokens = issueTokens(provider, session, { expiresIn: left });
      const stored = { service: url, clientId: "fake", team: undefined, session: sessionOfTokens(provider, tokens) };
      void store.change(profile, () => stored);
    },
    visit: (address) =>
      held(() =>
        browse(address, async (to, init) =>
          to.startsWith(`${url}/`) ? ((await service.fetch(to, init)) as Response) : loopbackRequest(to, init),
        ),
      ),
    revoke() {
      for (const id of provider.sessions.keys()) provider.revoke(id);
    },
    close: () =>
      new Promise((resolve) => {
        if (server === undefined) return resolve();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  service.approveAs(approver);
  return service;
}

/** Adds a user; returns the name at the provider. */
function added({ users }: Provider, user: FakeUser): string {
  const { email, id = email, name } = typeof user === "string" ? { email: user } : user;
  const known: IssuerUser = { user_id: id, email, teams: [] };
  users[email] = name === undefined ? known : { ...known, name };
  return email;
}

function responseOf({ status, headers = {}, body }: Answer): Response {
  if (typeof body === "object" && !Buffer.isBuffer(body)) return Response.json(body, { status, headers });
  return new Response(body ?? null, { status, headers });
}

/** As `fetch` fails. */
function noConnection(code: string): TypeError {
  return new TypeError("fetch failed", { cause: Object.assign(new Error(code), { code }) });
}

function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
  return Promise.race([work, aborted]);
}
