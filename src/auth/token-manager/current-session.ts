import { AuthError, NotAuthenticatedError, hint } from "../../base/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import {
  notLoggedIn,
  requireProfile,
  unnamedProfile,
  type NamedProfile,
  type Profile,
  type ProfileInUse,
  type Profiles,
  type Session,
} from "../session.ts";
import type { SessionStore } from "../session-store.ts";
import type { AccessTokenOptions } from "./access-token.ts";
import type { AuthEventStream } from "./events.ts";

/** A session in memory. @internal */
export interface HeldSession {
  readonly session: Session;
  readonly token: string;
  /** When the token expires on the monotonic clock, which nobody sets back. */
  readonly expiresAtMonotonic: number;
  /** Between these two readings of the wall clock the token is enough for a caller without special needs. */
  enoughFrom: number;
  enoughUntil: number;
}

/**
 * The session that a token manager gives out. Its profile and its service are decided at the first read and stay the same for the
 * life of the manager; what was read last is held in memory.
 * @internal
 */
export class CurrentSession {
  readonly #store: SessionStore;
  readonly #clock: Clock;
  readonly #events: AuthEventStream;
  #named: NamedProfile | undefined;
  #service: string | undefined;
  #held: HeldSession | undefined;

  /** `profile`: undefined for the one that is in use at the first read; `service`: undefined for the profile's own. */
  constructor({
    store,
    clock,
    events,
    profile,
    service,
  }: {
    store: SessionStore;
    clock: Clock;
    events: AuthEventStream;
    profile: NamedProfile | undefined;
    service: string | undefined;
  }) {
    this.#store = store;
    this.#clock = clock;
    this.#events = events;
    this.#named = profile;
    this.#service = service;
  }

  /** The profile's name, once it is decided. */
  get profile(): string {
    return this.#named?.name ?? "default";
  }

  /** Decides the profile, unless that was decided before. A later switch does not change whose tokens a running program uses. */
  pinProfile(all: Profiles): ProfileInUse {
    this.#named ??= unnamedProfile(all);
    return { ...this.#named, profile: all.profiles.get(this.#named.name), all };
  }

  /** The address of the service, without a trailing `/`. Throws `configuration_invalid` when nothing names one. */
  async service(): Promise<string> {
    this.#service ??= (await this.profileStored())?.service;
    if (this.#service !== undefined) return this.#service;
    throw new AuthError("configuration_invalid", `no service is known for profile "${this.profile}"`, {
      hint: hint`Set its address: ${{ variable: "SAAS_URL", value: "https://service.example" }}`,
    });
  }

  /** The profile as it is stored now; undefined when there is none. Throws as {@link requireProfile}. */
  async profileStored(): Promise<Profile | undefined> {
    return requireProfile(this.pinProfile(await this.#store.read())).profile;
  }

  /** The session as it is stored now. Throws {@link NotAuthenticatedError} when there is none, or it belongs to another service. */
  async load(): Promise<Session> {
    return this.sessionIn(await this.profileStored());
  }

  /** The session of a profile that was just read or written. Fails as {@link CurrentSession.load}. */
  sessionIn(profile: Profile | undefined): Session {
    if (profile?.session === undefined) {
      this.#held = undefined;
      throw notLoggedIn(this.profile);
    }
    this.#service ??= profile.service;
    // S-001: what one service issued is never sent to another, whatever the environment says now.
    if (this.#service !== profile.service) {
      this.#held = undefined;
      throw new NotAuthenticatedError(
        `profile "${this.profile}" is logged in to ${profile.service}, not to ${this.#service}`,
        {
          hint: hint`Log in there with a profile of its own: ${{ command: "auth login", options: ["--profile", "NAME"] }}`,
        },
      );
    }
    return profile.session;
  }

  /** The session in memory, if it is enough for a caller. */
  held(need: AccessTokenOptions): HeldSession | undefined {
    return this.#held !== undefined && isEnough(this.#held, need, this.#clock) ? this.#held : undefined;
  }

  hold(session: Session): HeldSession {
    return (this.#held = hold(session, this.#held, this.#clock));
  }

  /** Takes a session into memory and says whether it is enough for a caller. One that another process has refreshed is announced. */
  isEnough(session: Session, need: AccessTokenOptions): boolean {
    const known = this.#held?.session;
    const enough = isEnough(this.hold(session), need, this.#clock);
    if (enough && known !== undefined && !known.accessToken.equals(session.accessToken))
      this.announce("adopted", session);
    return enough;
  }

  /** Tells the embedder where the tokens come from now. */
  announce(event: "refreshed" | "adopted", session: Session): void {
    this.#events.emit(event, { profile: this.profile, expiresAt: session.accessTokenExpiresAt });
  }

  forget(): void {
    this.#held = undefined;
  }
}

/**
 * Takes a session into memory. Its lifetime counts from now on both clocks: the wall clock may be set back, and the monotonic
 * one may stand still while the machine sleeps, but not both at once.
 *
 * @param previous - what is in memory so far. If that is the same token, its readings stay: they were taken closer to its issue
 */
function hold(session: Session, previous: HeldSession | undefined, clock: Clock): HeldSession {
  const known = previous?.session;
  // A server may give the same token again with a new expiry.
  if (
    previous &&
    known?.accessToken.equals(session.accessToken) &&
    known.accessTokenExpiresAt === session.accessTokenExpiresAt
  ) {
    return known === session ? previous : { ...previous, session };
  }
  const expiresAtMonotonic = clock.monotonic() + remainingMs(session, clock.now());
  return { session, token: session.accessToken.reveal(), expiresAtMonotonic, enoughFrom: 0, enoughUntil: 0 };
}

/**
 * Whether what is in memory is enough for a caller.
 *
 * Reading both clocks costs more than everything else that giving out a token takes. So one reading is good for a second of the
 * wall clock, or for less if the token needs replacing sooner; a clock that was set back in that second is outside of it.
 */
function isEnough(held: HeldSession, { minValidityMs = 0, rejected }: AccessTokenOptions, clock: Clock): boolean {
  const now = clock.now();
  if (now >= held.enoughFrom && now < held.enoughUntil && minValidityMs === 0 && rejected === undefined) return true;
  if (held.token === rejected) return false;
  const left =
    Math.min(held.expiresAtMonotonic - clock.monotonic(), remainingMs(held.session, now)) -
    requiredMs(held.session, minValidityMs);
  if (left <= 0) return false;
  held.enoughFrom = now;
  held.enoughUntil = now + Math.min(left, 1_000);
  return true;
}

/** When an access token was issued and when it expires, by the server's clock. */
export type Lifetime = Pick<Session, "issuedAt" | "accessTokenExpiresAt" | "clockOffsetMs">;

/** How long the access token is still valid, in milliseconds; not positive when it expired, infinite when nobody knows. `now`: this machine's clock. */
export function remainingMs(session: Lifetime, now: number): number {
  if (session.accessTokenExpiresAt === undefined) return Number.POSITIVE_INFINITY;
  const serverNow = now + session.clockOffsetMs;
  // Received in the future: the clock has been set back since, and says nothing about how much of the lifetime is left.
  if (serverNow < session.issuedAt - marginMs(session)) return 0;
  return session.accessTokenExpiresAt - serverNow;
}

/** Whether a session can still be used, or refreshed, as far as this machine can tell. */
export function isAlive(session: Session, now: number): boolean {
  return remainingMs(session, now) > 0 || (session.refreshToken !== undefined && refreshRemainingMs(session, now) > 0);
}

/** How long the refresh token is still valid, in milliseconds; infinite when only the service knows. */
export function refreshRemainingMs({ refreshTokenExpiresAt: ends, clockOffsetMs }: Session, now: number): number {
  return ends === undefined ? Infinity : Date.parse(ends) - now - clockOffsetMs;
}

/** A login that expires sooner than this is worth a warning. */
export const soonMs: number = 3 * 86_400_000;

/**
 * How long an access token must stay valid to be given out: what the caller asks for, at least a minute or a tenth of the
 * token's lifetime, whichever is less, and never so long that a new token would not be enough either.
 */
export function requiredMs(session: Lifetime, minValidityMs: number): number {
  const margin = marginMs(session);
  return Math.max(margin, Math.min(minValidityMs, lifetimeMs(session) - margin));
}

function marginMs(session: Lifetime): number {
  return Math.min(60_000, lifetimeMs(session) / 10);
}

function lifetimeMs(session: Lifetime): number {
  return (session.accessTokenExpiresAt ?? Number.POSITIVE_INFINITY) - session.issuedAt;
}
