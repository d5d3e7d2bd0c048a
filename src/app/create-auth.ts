import type { App } from "./app.ts";
import { appFor } from "./create-app.ts";
import type { Auth, AuthSession } from "./auth.ts";
import type { AuthOptions } from "./options.ts";
import type { AuthorizedFetch } from "../auth/authorized-fetch.ts";
import { boundToken, type Profile, type ProfileInUse, type Session } from "../auth/sessions/session.ts";
import { chooseProfile, readAll } from "../auth/sessions/store.ts";
import type { TokenManager } from "../auth/token-manager/token-manager.ts";
import type { TokenSource } from "../auth/token-manager/token-source.ts";
import { AuthError, hint, NotAuthenticatedError } from "../base/errors.ts";
import type { ConsentQuestion } from "./login/options.ts";

/**
 * The login of a tool. All processes share the session of its name, profile and directory, and refresh it once. Reads
 * and starts nothing yet.
 *
 * @param options - see {@link AuthOptions}
 * @throws TypeError for a missing issuer, an unusable name, version or seal, or an unknown option; {@link AuthError}
 *   `configuration_invalid` for another unusable option or variable
 */
export function createAuth(options: AuthOptions): Auth {
  if (typeof options.issuer !== "string") throw new TypeError("createAuth needs the option issuer, a URL");
  return authOf(appFor(options));
}

/** The interface of an app for programs and commands. @internal */
export function authOf(app: App): Auth {
  const { events, identity } = app;
  let profile = app.settings.profile?.value;
  const named = (error: unknown): unknown =>
    error instanceof AuthError ? error.speakFor({ identity, profile }) : error;
  /** Whether a session was used since the last one ended. */
  let isInUse = false;
  events.on("ended", () => (isInUse = false));
  events.on("unsaved", ({ error }) => error.speakFor({ identity, profile }));
  events.on("refused", ({ error }) => error.speakFor({ identity, profile }));
  let manager: TokenManager | undefined;
  const tokens = (): TokenManager => (manager ??= app.tokens());
  let authorized: AuthorizedFetch | undefined;
  const loadedFetch = async (): Promise<AuthorizedFetch> => {
    const { createAuthorizedFetch } = await import("../auth/authorized-fetch.ts");
    return (authorized ??= createAuthorizedFetch({ tokens: tokens(), clock: app.clock, fetch: app.fetch }));
  };
  const told = (error: unknown): unknown => {
    if (isInUse && error instanceof NotAuthenticatedError)
      events.emit("ended", { profile: tokens().profile, reason: "elsewhere" });
    return named(error);
  };
  const spoken = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw told(error);
    }
  };
  // "Not logged in" is a result here, not an error.
  const inUse = (): Promise<ProfileInUse> => app.profileInUse({ mayBeNew: true });
  const getToken: Auth["getToken"] = (options) => {
    const held = tokens().held(options);
    if (held === undefined) return spoken(() => used(tokens().getToken(options)));
    isInUse = true;
    return held.token;
  };
  const used = async <T>(work: Promise<T>): Promise<T> => {
    const result = await work;
    isInUse = true;
    return result;
  };
  const sessionHere = async (): Promise<AuthSession | undefined> => {
    if (app.tokenSource !== undefined) return sessionElsewhere(app, app.tokenSource);
    const { name, profile: stored } = await inUse();
    // A session at another service is no login here: its tokens are not given out either.
    const isOurs = stored !== undefined && stored.service === (app.settings.service?.value ?? stored.service);
    return isOurs ? describe(name, stored) : undefined;
  };

  return {
    login: (options = {}) =>
      spoken(async () => {
        refuseUseless(app.tokenSource);
        const { loginArguments } = await import("./login/arguments.ts");
        const { startLogin } = await import("./login/metadata.ts");
        const { performLogin, requireSomebody } = await import("./login/perform.ts");
        const start = await startLogin(app, loginArguments(app, { ...options, force: true }), options.signal);
        const loggedIn = await performLogin(app, start, {
          ...options,
          onConsent: options.onConsent ?? nobodyAsked,
          screen(planned) {
            if (options.flow === undefined) requireSomebody(planned, app.env);
            return options;
          },
        });
        return describeLogin(start.to.name, loggedIn);
      }),
    logout: ({ force = false, signal } = {}) =>
      spoken(async () => {
        const { logout } = await import("../auth/flows/logout.ts");
        const { name, profile: stored } = await inUse();
        // The service may have said so before: report it once.
        let isTold = false;
        const silence = events.on("ended", () => (isTold = true));
        const exchange = app.exchange(signal);
        const outcome = await logout(name, {
          store: app.store,
          tokens: app.tokens(name, stored?.service),
          exchange,
          force,
          by: app.command,
        });
        silence();
        tokens().forget();
        if (outcome.kind === "not-logged-in") return { service: "none", error: undefined };
        if (!isTold) events.emit("ended", { profile: name, reason: "logout" });
        if (outcome.kind === "ended") return { service: "ended", error: undefined };
        return {
          service: outcome.error === undefined ? "untold" : "unconfirmed",
          error: outcome.error?.speakFor({ identity, profile }),
        };
      }),
    getToken,
    getAccessToken(options) {
      const held = tokens().held(options);
      if (held === undefined) return spoken(() => used(tokens().getAccessToken(options)));
      isInUse = true;
      return held.text;
    },
    async fetch(input, init) {
      try {
        const response = await (authorized ?? (await loadedFetch()))(input, init);
        isInUse = true;
        return response;
      } catch (error) {
        throw told(error);
      }
    },
    session: () => spoken(sessionHere),
    accounts: () =>
      spoken(async () => {
        const { name: current } = await inUse();
        return Promise.all(
          [...(await readAll(app.store)).profiles].map(async ([name, stored]) => ({
            profile: name,
            service: stored.service,
            isInUse: name === current,
            session: await describe(name, stored),
          })),
        );
      }),
    use: (name) =>
      spoken(async () => {
        await chooseProfile(app.store, name);
        app.use(name);
        profile = name;
        manager = authorized = undefined;
        isInUse = false;
        return sessionHere();
      }),
    service: () => spoken(() => tokens().service()),
    on: events.on,
    credential: () => ({
      async getToken(_scopes, { abortSignal } = {}) {
        const signal = abortSignal instanceof AbortSignal ? { signal: abortSignal } : {};
        const { token, tokenType, expiresAt } = await getToken({ minValidityMs: azureWindowMs, ...signal });
        if (tokenType === "DPoP") throw named(boundToken());
        return { token, expiresOnTimestamp: expiresAt ?? app.clock.now() };
      },
    }),
    close: () => spoken(() => app.close()),
  };
}

/** The Azure SDK requests the next token two minutes before expiry, and must not get the same one again. */
const azureWindowMs = 130_000;

/** Nothing is stored of these tokens, and a login would go unused. */
async function sessionElsewhere(app: App, { kind, lender }: TokenSource): Promise<AuthSession> {
  const unknown = {
    source: kind,
    issuer: undefined,
    scope: "",
    expiresAt: undefined,
    isRefreshable: kind !== "given",
    authenticatedAt: undefined,
    claims: undefined,
  };
  if (lender !== undefined) {
    const { profile, service, user, teams } = await lender();
    return withIdToken({ ...unknown, profile, service, user, teams }, undefined);
  }
  const { name, profile: stored } = await app.profileInUse({ mayBeNew: true });
  const service = app.serviceFor(stored);
  return withIdToken({ ...unknown, profile: name, service, user: undefined, teams: [] }, undefined);
}

function refuseUseless(source: TokenSource | undefined): void {
  if (source === undefined) return;
  const { origin } = source;
  throw new AuthError(
    "configuration_invalid",
    `${origin} provides the tokens, and takes precedence over every login: no login is needed`,
    { hint: origin === "identity" ? "Omit identity" : ["To log in here: ", { set: origin, value: null }] },
  );
}

/** In a program's words: its author decides how to ask. */
function nobodyAsked(question: ConsentQuestion): undefined {
  if (question.about !== "file") return undefined;
  throw new AuthError(
    "consent_required",
    `the session needs an encrypted file, and onConsent did not ask the user: ${question.reason}`,
    {
      hint: hint`Pass onConsent to ask the user, or storage: "file". Or let the user agree beforehand: ${{ variable: "STORAGE", value: "file" }}`,
    },
  );
}

async function describe(name: string, { session, ...profile }: Profile): Promise<AuthSession | undefined> {
  return session && describeLogin(name, { ...profile, session });
}

async function describeLogin(
  name: string,
  { service, session }: Profile & { readonly session: Session },
): Promise<AuthSession> {
  const { server, user, teams, scope, accessTokenExpiresAt: ends, clockOffsetMs, signedIdToken } = session;
  const { claims, idToken } =
    signedIdToken === undefined ? {} : (await import("../auth/oauth/jws.ts")).openedIdToken(signedIdToken);
  return withIdToken(
    {
      source: "login",
      profile: name,
      service,
      issuer: server.issuer,
      user,
      teams,
      scope,
      expiresAt: ends === undefined ? undefined : ends - clockOffsetMs,
      isRefreshable: session.refreshToken !== undefined,
      authenticatedAt: session.authenticatedAt - clockOffsetMs,
      claims,
    },
    idToken,
  );
}

function withIdToken(session: Omit<AuthSession, "idToken">, idToken: string | undefined): AuthSession {
  return Object.defineProperty(session as AuthSession, "idToken", { value: idToken });
}
