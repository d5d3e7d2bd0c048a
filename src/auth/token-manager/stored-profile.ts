import { AuthError, NotAuthenticatedError } from "../../base/errors.ts";
import { notLoggedIn, unknownProfile, type Profile, type Session } from "../session.ts";
import type { SessionStore } from "../session-store.ts";

/** Whose tokens a program uses, and of which service: both are settled at the first look and stay for its life. */
export class StoredProfile {
  readonly #store: SessionStore;
  readonly #named: string | undefined;
  #name: string | undefined;
  #service: string | undefined;

  /**
   * @param name - undefined: the profile that is active at the first look
   * @param service - undefined: the profile's own
   */
  constructor(store: SessionStore, name: string | undefined, service: string | undefined) {
    this.#store = store;
    this.#named = this.#name = name;
    this.#service = service;
  }

  /** Its name, once it is settled. */
  get name(): string {
    return this.#name ?? "default";
  }

  /** Settles the name, to that of the profile that is active, unless it is settled. */
  settle(active: string): string {
    // Once: a switch made elsewhere does not change whose name a running program acts in.
    return (this.#name ??= active);
  }

  /**
   * As it is stored now; undefined when it is not.
   * @throws {@link AuthError} as the store, or when there is none of the name that was asked for
   */
  async read(): Promise<Profile | undefined> {
    const stored = await this.#store.read();
    const profile = stored.profiles.get(this.settle(stored.active));
    if (profile === undefined && this.#named !== undefined) throw unknownProfile(this.#named, stored);
    return profile;
  }

  /**
   * The session of what was read.
   * @throws {@link NotAuthenticatedError} when there is none, or it is another service's
   */
  sessionOf(profile: Profile | undefined): Session {
    if (profile?.session === undefined) throw notLoggedIn(this.name);
    this.#service ??= profile.service;
    // S-001: what one service issued is never sent to another, whatever the environment says now.
    if (this.#service !== profile.service) {
      throw new NotAuthenticatedError(`profile "${this.name}" is logged in to ${profile.service}, not to ${this.#service}`, {
        hint: "Log in there under another name: spec-kitty auth login --profile NAME",
      });
    }
    return profile.session;
  }

  /**
   * The address of its service, without a trailing `/`.
   * @throws {@link AuthError} `configuration_invalid` when nothing names one
   */
  async service(): Promise<string> {
    this.#service ??= (await this.read())?.service;
    if (this.#service !== undefined) return this.#service;
    throw new AuthError("configuration_invalid", `no service is known for profile "${this.name}"`, {
      hint: "Give its address: export SPEC_KITTY_SAAS_URL=https://service.example",
    });
  }
}
