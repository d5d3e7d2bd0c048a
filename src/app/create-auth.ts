import { createApp, type App } from "./app.ts";
import type { Auth, AuthEvents, AuthOptions, AuthSession } from "./auth.ts";
import { boundToken, type Profile, type ProfileInUse, type Session } from "../auth/session.ts";
import { isAlive } from "../auth/token-manager/current-session.ts";
import type { TokenManager } from "../auth/token-manager/token-manager.ts";
import { AuthError, NotAuthenticatedError } from "../base/errors.ts";
import { createIdentity } from "../base/identity.ts";

/**
 * The login of a tool: for programs that have commands of their own, or none. Any number of them, in any number of processes, share the
 * session of their name, profile and folder, and refresh it once. Making one reads and starts nothing.
 *
 * @param options - see {@link AuthOptions}
 * @throws TypeError for a name that cannot name a folder and a variable everywhere, without an issuer, and for an option that does not exist; {@link AuthError}
 * `configuration_invalid` when an option or a variable of the tool cannot be used
 */
export function createAuth(options: AuthOptions): Auth {
  const { name, version, commands, ...own } = options;
  if (typeof own.issuer !== "string")
    throw new TypeError("createAuth needs `issuer`, the address of the authorization server");
  const identity = createIdentity({ name, version, commands });
  let profile: string | undefined;
  const named = (error: unknown): unknown =>
    error instanceof AuthError ? error.speakFor({ identity, profile }) : error;
  let app: App;
  try {
    app = createApp({ ...own, toolIdentity: identity });
  } catch (error) {
    throw named(error);
  }
  profile = app.settings.profile?.value;
  const spoken = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (isInUse && error instanceof NotAuthenticatedError)
        emit("ended", { profile: tokens().profile, reason: "elsewhere" });
      throw named(error);
    }
  };

  /** Whether a session has been used since one ended last. */
  let isInUse = false;
  const listeners: { readonly [Name in keyof AuthEvents]: Set<(event: AuthEvents[Name]) => void> } = {
    refreshed: new Set(),
    adopted: new Set(),
    ended: new Set(),
    unsaved: new Set(),
  };
  const emit = <Name extends keyof AuthEvents>(name: Name, event: AuthEvents[Name]): void => {
    if (name === "ended") isInUse = false;
    for (const listener of listeners[name]) {
      try {
        listener(event);
      } catch {
        // It is called in the middle of a refresh, which must not end there.
      }
    }
  };
  let manager: TokenManager | undefined;
  const tokens = (): TokenManager => {
    if (manager !== undefined) return manager;
    manager = app.tokens();
    manager.events.on("refreshed", (event) => emit("refreshed", event));
    manager.events.on("adopted", (event) => emit("adopted", event));
    manager.events.on("cleared", (event) => emit("ended", event));
    manager.events.on("unsaved", (event) =>
      emit("unsaved", { ...event, error: event.error.speakFor({ identity, profile }) }),
    );
    return manager;
  };
  const inUse = (): Promise<ProfileInUse> => {
    tokens();
    // Nobody is logged in there yet: that is an answer here, and no error.
    return app.profileInUse({ mayBeNew: true });
  };

  return {
    login: (options = {}) =>
      spoken(async () => {
        const [{ loginArguments, startLogin }, { performLogin }] = await Promise.all([
          import("./login/metadata.ts"),
          import("./login/perform.ts"),
        ]);
        tokens();
        const start = await startLogin(app, loginArguments(app, { ...options, force: true }), options.signal);
        return describe(start.to.name, await performLogin(app, start, { ...options, screen: () => options }));
      }),
    logout: ({ force = false, signal } = {}) =>
      spoken(async () => {
        const { logout } = await import("../auth/flows/logout.ts");
        const { name: profile, profile: stored } = await inUse();
        const exchange = { fetch: app.fetch, clock: app.clock, signal };
        const outcome = await logout(profile, {
          store: app.store,
          tokens: app.tokens(profile, stored?.service),
          exchange,
          force,
        });
        tokens().forget();
        if (outcome.kind === "not-logged-in") return { service: "none", error: undefined };
        emit("ended", { profile, reason: "logout" });
        if (outcome.kind === "ended") return { service: "ended", error: undefined };
        return {
          service: outcome.error === undefined ? "untold" : "unconfirmed",
          error: outcome.error?.speakFor({ identity, profile }),
        };
      }),
    getToken: (options) =>
      spoken(async () => {
        const token = await tokens().getToken(options);
        isInUse = true;
        return token;
      }),
    fetch: (input, init) =>
      spoken(async () => {
        tokens();
        const response = await app.authorizedFetch(input, init);
        isInUse = true;
        return response;
      }),
    session: () =>
      spoken(async () => {
        const { name, profile: stored } = await inUse();
        // What belongs to another service is nobody's login here: its tokens are not given out either.
        const isOurs = stored !== undefined && stored.service === (app.settings.service?.value ?? stored.service);
        return isOurs && stored.session !== undefined && isAlive(stored.session, app.clock.now())
          ? describe(name, { ...stored, session: stored.session })
          : undefined;
      }),
    service: () => spoken(() => tokens().service()),
    on(name, listener) {
      listeners[name].add(listener);
      return () => void listeners[name].delete(listener);
    },
    credential: () => ({
      getToken: (_scopes, { abortSignal } = {}) =>
        spoken(async () => {
          const signal = abortSignal instanceof AbortSignal ? { signal: abortSignal } : {};
          const { token, tokenType, expiresAt } = await tokens().getToken({ minValidityMs: azureWindowMs, ...signal });
          if (tokenType === "DPoP") throw boundToken();
          return { token, expiresOnTimestamp: expiresAt ?? app.clock.now() };
        }),
    }),
    close: () => spoken(() => app.close()),
  };
}

/** The Azure SDK asks for the next token two minutes before the one it has expires, and must not get the same one again. */
const azureWindowMs = 130_000;

function describe(name: string, { service, session }: Profile & { readonly session: Session }): AuthSession {
  const {
    server,
    user,
    teams,
    scope,
    accessTokenExpiresAt: ends,
    clockOffsetMs,
    refreshToken,
    authenticatedAt,
  } = session;
  return {
    profile: name,
    service,
    issuer: server.issuer,
    user,
    teams,
    scope,
    expiresAt: ends === undefined ? undefined : ends - clockOffsetMs,
    isRefreshable: refreshToken !== undefined,
    authenticatedAt: authenticatedAt - clockOffsetMs,
  };
}
