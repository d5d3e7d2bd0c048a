import { randomUUID } from "node:crypto";
import type { Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemoryStore } from "../../auth/sessions/memory-store.ts";
import { abortable } from "../../platform/clock.ts";
import type { Auth } from "../auth.ts";
import { createAuth } from "../create-auth.ts";
import type { AppOverrides } from "../overrides.ts";
import { browse, loopbackRequest } from "./browser.ts";
import { ManualClock } from "./clock.ts";
import { handlerOf, type Answer, type FakeRequest } from "./http.ts";
import type { IssuerUser } from "./issuer.ts";
import { listen } from "./listen.ts";
import { Provider } from "./provider.ts";
import { authenticate, issueTokens, openSession } from "./sessions.ts";
import { sessionOfTokens } from "./stored-session.ts";
import type { FakeAuthOptions, FakeService, FakeUser } from "./types.ts";

/**
 * A fake issuer and service, for programs in the test's own process.
 *
 * @param options - `user`: approves logins; null denies them
 */
export function fakeService(options: Pick<FakeAuthOptions, "user" | "expiresIn" | "api"> = {}): FakeService {
  return serviceAt("https://service.example", options);
}

/**
 * The same on a free loopback port, for other processes, which use the machine's clock.
 *
 * @param options - see {@link fakeService}
 */
export async function startFakeService(
  options: Pick<FakeAuthOptions, "user" | "expiresIn" | "api"> = {},
): Promise<FakeService> {
  let service: FakeService | undefined;
  const { server, url } = await listen(async (request) => (await service?.fetch(request as never)) as Response);
  service = serviceAt(url, options, server);
  return service;
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
  if (user !== null) service.logIn({ user, scope, expiresIn, profile });
  if (revoked) service.revoke();
  const auth = createAuth({ name: "acme", version: "1.0.0", clientId: "acme-cli", ...tool, ...service.options });
  return { auth, service };
}

const alice = "alice@example.com";

function serviceAt(
  url: string,
  { user: approver = alice, expiresIn = 3600, api }: Pick<FakeAuthOptions, "user" | "expiresIn" | "api">,
  server?: Server,
): FakeService {
  const clock = new ManualClock();
  // Polls from another process take real time.
  const deviceIntervalSeconds = server === undefined ? 5 : 1;
  const provider = new Provider(clock, { accessTokenSeconds: expiresIn, deviceIntervalSeconds });
  provider.url = url;
  const store = new MemoryStore(clock);
  const requests: FakeService["requests"][number][] = [];
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
  const toolOptions: FakeService["options"] = {
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
        return abortable(answer(request), request.signal);
      }),
    options: toolOptions,
    approveAs: (user) => void (provider.approver = user === null ? undefined : added(provider, user)),
    logIn({ user = alice, scope = "openid offline_access", expiresIn: left = expiresIn, profile = "default" } = {}) {
      const session = openSession(provider, { user: added(provider, user), scope, clientId: "fake" });
      const tokens = issueTokens(provider, session, left);
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
