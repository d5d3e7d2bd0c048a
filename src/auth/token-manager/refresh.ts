import { AuthError, NotAuthenticatedError, ServiceError, hint, login } from "../../base/errors.ts";
import type { Fetch } from "../../base/runtime-types.ts";
import type { Clock } from "../../platform/clock.ts";
import { isSameToken, type Profile, type Session } from "../sessions/session.ts";
import type { Claim, SessionStore } from "../sessions/store.ts";
import type { AccessTokenOptions } from "./access-token.ts";
import type { CurrentSession, FoundSession } from "./current-session.ts";
import { whyEnded, withoutLogin } from "./ended-login.ts";
import type { AuthEventStream } from "../sessions/events.ts";
import { endOfRefused, isReplaced, judge, leftFor, patience, successorWaitMs } from "./refresh-decisions.ts";
import { requestRefresh } from "./refresh-request.ts";
import { UnsavedSession, type RefreshedSession } from "./unsaved-session.ts";

interface RefresherOptions {
  readonly store: SessionStore;
  readonly current: CurrentSession;
  readonly clock: Clock;
  readonly fetch: Fetch;
  readonly random: () => number;
  readonly events: AuthEventStream;
  readonly by?: string | undefined;
}

/** Refreshes a session so that its refresh token is spent once, whatever other processes do and whatever fails. */
export class Refresher {
  readonly #options: RefresherOptions;
  readonly #current: CurrentSession;
  readonly #unsaved: UnsavedSession;

  constructor(options: RefresherOptions) {
    this.#options = options;
    this.#current = options.current;
    this.#unsaved = new UnsavedSession(options);
  }

  /**
   * A session that satisfies a caller, refreshed if need be. One call at a time.
   *
   * The claim comes before the refresh token is sent, and holds only if nothing else was stored meanwhile: the holder
   * before may have refreshed. It ends once the new session is stored.
   *
   * @throws as `TokenManager.getAccessToken`
   */
  async refresh(need: AccessTokenOptions): Promise<Session> {
    await this.#unsaved.tryAgain();
    return this.#unsaved.pausedFor(() => this.#refresh(need));
  }

  async #refresh(need: AccessTokenOptions): Promise<Session> {
    const { store, clock, by } = this.#options;
    const startedAt = clock.monotonic();
    const waitedMs = (): number => clock.monotonic() - startedAt;
    let wasLost = false;
    for (;;) {
      const found = await this.look();
      const { session } = found;
      if (this.#current.isEnough(session, need)) return session;
      const { refreshToken } = session;
      if (refreshToken === undefined) {
        const what = "cannot refresh the access token: the session has no refresh token";
        return this.#fallBack(session, need, this.#ended(undefined, what));
      }
      let claim: Claim | undefined;
      try {
        const howLong = patience(session, need, waitedMs(), clock.now());
        claim = "claim" in found ? found.claim : await store.claim(found.stored, howLong);
      } catch (error) {
        return this.#fallBack(session, need, error);
      }
      // Something else was stored: perhaps a token that needs no claim.
      if (claim === undefined) continue;
      try {
        const context = { ...this.#options, profile: this.#current.profile, claim, waitedMs: waitedMs() };
        const answer = await requestRefresh(session, refreshToken, context).catch((error: unknown) => ({ error }));
        if ("next" in answer) {
          const next = await this.#unsaved.store({ session: { ...answer.next, refreshedBy: by }, claim });
          if (next === undefined) continue;
          // Only now: the refresh token must be stored first.
          if (answer.tokens.expires_in === 0) throw expiredOnArrival(session);
          return next;
        }
        const { error } = answer;
        const failure = judge(error);
        if (failure === "dead") await this.#remove(session, error);
        else if (failure === "claim lost" && !wasLost) wasLost = true;
        else if (failure !== "replayed") return this.#fallBack(session, need, error);
        else if (!(await this.#isReplaced(session, error)))
          return this.#fallBack(session, need, refreshedElsewhere(this.#current, error));
      } finally {
        // Held while a spent refresh token is stored: another process would send it, and the service would revoke the
        // session (RFC 9700 §4.14.2).
        if (this.#unsaved.kept?.claim !== claim) await claim.release();
      }
    }
  }

  /** The newest session, even if only in memory. */
  async look(): Promise<FoundSession | RefreshedSession> {
    return this.#unsaved.kept ?? this.#current.load();
  }

  /**
   * Ends the session of a token that the service refused for good. Throws `session_ended` unless another token replaced
   * it.
   */
  async end(accessToken: string): Promise<void> {
    // A new login may have replaced what is in memory.
    await this.#unsaved.tryAgain();
    const { kept } = this.#unsaved;
    const { profile } = await this.#current.inUse();
    const session = kept?.session ?? profile?.session;
    // Removed already, by a faster request or process.
    if (session === undefined) throw this.#ended(profile);
    if (session.accessToken.reveal() !== accessToken) return;
    try {
      await this.#remove(session);
    } finally {
      await kept?.claim.release();
    }
  }

  /** See {@link UnsavedSession.close}. */
  close(): Promise<void> {
    return this.#unsaved.close();
  }

  /** After a replay: whether another holder has refreshed, or does so in the time that the service says. */
  async #isReplaced(session: Session, error: unknown): Promise<boolean> {
    const { clock } = this.#options;
    const until = clock.monotonic() + successorWaitMs(error);
    for (;;) {
      if (isReplaced(session, (await this.#current.load()).session)) {
        this.#unsaved.forget();
        return true;
      }
      if (clock.monotonic() >= until) return false;
      await clock.sleep(50);
    }
  }

  /**
   * The one place that removes an expired or revoked session: only if it is the stored one (S-002), or the spent
   * predecessor of the refused one. Returns when another token or login is stored, which counts; throws otherwise.
   */
  async #remove(refused: Session, cause?: unknown): Promise<void> {
    const { store, clock, events, by } = this.#options;
    const { profile } = this.#current;
    const isKept = this.#unsaved.kept?.session === refused;
    this.#current.forget();
    this.#unsaved.forget();
    const end = endOfRefused(refused, clock.now());
    const isRefused = (session: Session | undefined): boolean =>
      session?.id === refused.id && (isKept || isSameToken(session, refused));
    let isRemoved = false;
    const withoutRefused = (stored: Profile | undefined): Profile | undefined => {
      isRemoved = isRefused(stored?.session);
      return stored !== undefined && isRemoved ? withoutLogin(stored, { ...end, by, cause }) : stored;
    };
    const after = await store.change(profile, withoutRefused).catch(async (error: unknown) => {
      if (!(error instanceof AuthError)) throw error;
      isRemoved = false;
      // The service will refuse it again: the user must learn now that the session ended, unless it was replaced.
      return (await store.read(profile).catch(() => undefined))?.profile;
    });
    if (isRemoved) events.emit("ended", { profile, reason: end.reason });
    else if (after?.session !== undefined && !isRefused(after.session)) return;
    // Some errors say more.
    throw cause instanceof NotAuthenticatedError ? cause : this.#ended(after, undefined, cause);
  }

  /** A token that is still valid is better than an error. */
  #fallBack(session: Session, need: AccessTokenOptions, error: unknown): Session {
    if (!(error instanceof AuthError)) throw error;
    this.#options.events.emit("refused", { profile: this.#current.profile, error });
    if (leftFor(need, session, this.#options.clock.now()) <= 0) throw error;
    return session;
  }

  /** `profile`: as stored now, if readable. */
  #ended(profile: Profile | undefined, what = "Session expired or revoked", cause?: unknown): NotAuthenticatedError {
    const { session, ended } = profile ?? {};
    const why = session === undefined && ended !== undefined ? `: ${whyEnded(ended)}` : "";
    return new NotAuthenticatedError(`${what}${why}`, {
      code: "session_ended",
      hint: hint`Run: ${login(this.#current.profile)}`,
      cause,
    });
  }
}

function expiredOnArrival({ server }: Session): ServiceError {
  return new ServiceError(
    "service_answer_invalid",
    `"${server.token_endpoint}" sent an access token that has already expired ("expires_in")`,
    {
      status: 200,
      hint: "Try again. If this happens every time, report it to the operator of the issuer",
    },
  );
}

function refreshedElsewhere({ profile }: CurrentSession, cause: unknown): ServiceError {
  return new ServiceError(
    "service_unavailable",
    "another process has refreshed this session, but did not store it here",
    {
      status: 409,
      hint: hint`Try again in a moment. If it happens every time, log in again: ${login(profile, "--force")}`,
      cause,
    },
  );
}
