import { createApp } from "../../src/app/create-app.ts";
import { loginArguments } from "../../src/app/login/arguments.ts";
import { plannedLogin, startLogin } from "../../src/app/login/metadata.ts";
import { browserLogin } from "../../src/auth/flows/browser-login.ts";
import { createDpopKey } from "../../src/auth/oauth/dpop-proof.ts";
import { MemoryStore } from "../../src/auth/sessions/memory-store.ts";
import type { Session } from "../../src/auth/sessions/session.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { AuthError } from "../../src/base/errors.ts";

const clientId = "cli_native";

const followOnce = async (address: string): Promise<URL> =>
  new URL((await fetch(address, { redirect: "manual" })).headers.get("location") ?? "about:blank");

/** The client under test: the login and the refresh of the command, wired the same way, without its terminal. */
export class RelyingParty {
  readonly #store = new MemoryStore(systemClock);
  readonly #issuer: string;
  readonly #browse: (address: string) => Promise<URL>;

  /** @param browse - the user: opens an address, and returns the one that the browser is redirected to */
  constructor(issuer: string, browse: (address: string) => Promise<URL> = followOnce) {
    this.#issuer = issuer;
    this.#browse = browse;
  }

  /** Logs in to the provider, which is also the service: one without an API of its own. */
  async login(): Promise<Session> {
    const app = createApp({ env: {}, service: this.#issuer, scope: "openid", storage: "memory" });
    const { fetch, clock, identity } = app;
    const ended = new AbortController();
    const start = await startLogin(app, loginArguments(app, { force: true }));
    const { request, binds } = await plannedLogin(app, start);
    return browserLogin({
      fetch,
      clock,
      signal: ended.signal,
      identity,
      request: { ...request, dpopKey: binds ? createDpopKey() : undefined },
      timeoutMs: 20_000,
      announce: () => undefined,
      open: async (address) => {
        // The one-time address of the login leads to the provider, and sets the cookie that the way back needs.
        const started = await fetch(address, { redirect: "manual" });
        const cookie = started.headers
          .getSetCookie()
          .map((line) => line.split(";")[0])
          .join("; ");
        const response = await fetch(await this.#browse(started.headers.get("location") ?? "about:blank"), {
          headers: { cookie },
        });
        // Such a callback ends nothing: the login goes on waiting, and in the test no other browser will come.
        if ((await response.text()).includes("not the login in progress"))
          ended.abort(new AuthError("interrupted", "the callback was ignored", { hint: "Try again" }));
        return { launched: "the test" };
      },
      openFailed: (reason) => ended.abort(new Error(reason)),
      store: (session) => this.#put(session),
    });
  }

  /** Refreshes a session, with whatever tokens and key it holds. */
  async refresh(session: Session): Promise<Session> {
    await this.#put(session);
    return createApp({ env: {}, sessions: this.#store }).tokens().refresh();
  }

  /** The stored session. */
  async stored(): Promise<Session | undefined> {
    return (await this.#store.read("default")).profile?.session;
  }

  async #put(session: Session): Promise<string> {
    const profile = { service: this.#issuer, clientId, team: undefined, session };
    await this.#store.change("default", () => profile);
    return "somebody";
  }
}
