import { AuthError, NotAuthenticatedError, hint } from "../../base/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import {
  noChoice,
  unknownProfile,
  unnamedProfile,
  type NamedProfile,
  type ProfileInUse,
  type Session,
} from "../sessions/session.ts";
import type { SessionStore, StoredProfile } from "../sessions/store.ts";
import type { AccessTokenOptions } from "./access-token.ts";
import type { AuthEventStream } from "../sessions/events.ts";
import { hold, isEnough, isUsable, type Held } from "./freshness.ts";

export interface FoundSession {
  readonly session: Session;
  readonly stored: StoredProfile;
}

export interface CurrentSessionOptions {
  store: SessionStore;
  /** Undefined: the profile in use at the first request for a token. */
  profile?: NamedProfile | undefined;
  /** Undefined: the profile's own. */
  service?: string | undefined;
  clock: Clock;
  events: AuthEventStream;
}

/** The session of a token manager. Profile and service are decided at the first read and then stay the same. */
export class CurrentSession {
  readonly #options: CurrentSessionOptions;
  #named: NamedProfile | undefined;
  #service: string | undefined;
  #held: Held | undefined;

  constructor(options: CurrentSessionOptions) {
    this.#options = options;
    this.#named = options.profile;
    this.#service = options.service;
  }

  /** Once it is decided. */
  get profile(): string {
    return this.#named?.name ?? "default";
  }

  /**
   * The profile in use, decided once: a later switch does not change the tokens of a running program.
   *
   * @param options - `mayBeNew`: it may be named and not exist
   * @throws {@link NotAuthenticatedError} when it must exist and does not: a mistyped name must neither act as another
   *   account nor be ignored
   */
  async inUse({
    mayBeNew = false,
  }: {
    mayBeNew?: boolean;
  } = {}): Promise<ProfileInUse & { readonly stored: StoredProfile }> {
    this.#named ??= unnamedProfile(await this.#options.store.choice());
    const stored = await this.#options.store.read(this.#named.name);
    if (stored.profile === undefined && this.#named.source !== "active" && !mayBeNew)
      throw unknownProfile(this.#named, await this.#options.store.names());
    return { ...this.#named, profile: stored.profile, stored };
  }

  /** Where the storage cannot be read. */
  get named(): NamedProfile {
    return (this.#named ??= unnamedProfile(noChoice));
  }

  /** The service's URL, without a trailing `/`. Throws `configuration_invalid` when nothing names one. */
  async service(): Promise<string> {
    this.#service ??= (await this.inUse()).profile?.service;
    if (this.#service !== undefined) return this.#service;
    throw new AuthError("configuration_invalid", `profile "${this.profile}" has no service`, {
      hint: hint`Set its URL: ${{ variable: "SAAS_URL", value: "https://service.example" }}`,
    });
  }

  /** As stored now. Throws {@link NotAuthenticatedError} when there is none, or it belongs to another service. */
  async load(): Promise<FoundSession> {
    return this.sessionIn((await this.inUse()).stored);
  }

  /** Of a profile just read or written. Fails as {@link CurrentSession.load}. */
  async sessionIn(stored: StoredProfile): Promise<FoundSession> {
    const { profile } = stored;
    if (profile?.session === undefined) {
      this.#held = undefined;
      throw (await import("./ended-login.ts")).notLoggedIn(this.profile, profile, this.#options.clock.now());
    }
    this.#service ??= profile.service;
    // S-001: tokens of one service never go to another, whatever the environment says now.
    if (this.#service !== profile.service) {
      this.#held = undefined;
      throw new NotAuthenticatedError(
        `profile "${this.profile}" is logged in to ${profile.service}, not to ${this.#service}`,
        {
          hint: hint`Use another profile there: ${{ command: "auth login", options: ["--profile", "NAME"] }}`,
        },
      );
    }
    return { session: profile.session, stored };
  }

  held(need: AccessTokenOptions): Held | undefined {
    return this.#held !== undefined && isEnough(this.#held, need, this.#options.clock) ? this.#held : undefined;
  }

  stillGood(need: AccessTokenOptions): Session | undefined {
    const held = this.#held;
    return held !== undefined && isUsable(held, need, this.#options.clock) ? held.credential : undefined;
  }

  hold(session: Session): Held {
    return (this.#held = hold(session, this.#held, this.#options.clock));
  }

  /** Takes a session into memory; true if it satisfies the caller. Announces one that another process has refreshed. */
  isEnough(session: Session, need: AccessTokenOptions): boolean {
    const known = this.#held?.credential;
    const enough = isEnough(this.hold(session), need, this.#options.clock);
    if (enough && known !== undefined && !known.accessToken.equals(session.accessToken))
      this.announce("adopted", session);
    return enough;
  }

  announce(event: "refreshed" | "adopted", session: Session): void {
    this.#options.events.emit(event, { profile: this.profile, expiresAt: session.accessTokenExpiresAt });
  }

  forget(): void {
    this.#held = undefined;
  }
}
