import { createApp, type App } from "./app.ts";
import type { Auth, AuthOptions, AuthSession } from "./auth.ts";
import { boundToken, type Profile, type ProfileInUse, type Session } from "../auth/sessions/session.ts";
import { isAlive } from "../auth/token-manager/freshness.ts";
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
  /** Whether a session has been used since one ended last. */
  let isInUse = false;
  const { events } = app;
  events.on("ended", () => (isInUse = false));
  events.on("unsaved", ({ error }) => error.speakFor({ identity, profile }));
  events.on("refused", ({ error }) => error.speakFor({ identity, profile }));
  const tokens = (): TokenManager => app.tokens();
  const spoken = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (isInUse && error instanceof NotAuthenticatedError)
        events.emit("ended", { profile: tokens().profile, reason: "elsewhere" });
      throw named(error);
    }
  };
  // Where nobody is logged in yet, that is an answer here, and no error.
  const inUse = (): Promise<ProfileInUse> => app.profileInUse({ mayBeNew: true });

  return {
    login: (options = {}) =>
      spoken(async () => {
        const [{ loginArguments, startLogin }, { performLogin }] = await Promise.all([
          import("./login/metadata.ts"),
          import("./login/perform.ts"),
        ]);
        const start = await startLogin(app, loginArguments(app, { ...options, force: true }), options.signal);
        return describe(start.to.name, await performLogin(app, start, { ...options, screen: () => options }));
      }),
    logout: ({ force = false, signal } = {}) =>
      spoken(async () => {
        const { logout } = await import("../auth/flows/logout.ts");
        const { name: profile, profile: stored } = await inUse();
        // The service may say that it has ended before: that is told once, too.
        let isTold = false;
        const silence = events.on("ended", () => (isTold = true));
        const exchange = { fetch: app.fetch, clock: app.clock, signal };
        const outcome = await logout(profile, {
          store: app.store,
          tokens: app.tokens(profile, stored?.service),
          exchange,
          force,
          by: app.command,
        });
        silence();
        tokens().forget();
        if (outcome.kind === "not-logged-in") return { service: "none", error: undefined };
        if (!isTold) events.emit("ended", { profile, reason: "logout" });
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
    on: events.on,
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
