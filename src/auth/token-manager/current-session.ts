import type { ProfileInUse, Session } from "../sessions/session.ts";
import type { StoredProfile } from "../sessions/store.ts";
import type { AccessTokenOptions } from "./access-token.ts";

/** A session, and the profile that it was read from. @internal */
export interface FoundSession {
  readonly session: Session;
  readonly stored: StoredProfile;
}

/** The session that a token manager gives out, as far as a refresh has to do with it. @internal */
export interface CurrentSession {
  /** The profile's name, once it is decided. */
  readonly profile: string;
  /** The profile as it is stored now. Throws {@link NotAuthenticatedError} when it was named and does not exist. */
  inUse(): Promise<ProfileInUse>;
  /** The session as it is stored now. Throws {@link NotAuthenticatedError} when there is none, or it belongs to another service. */
  load(): Promise<FoundSession>;
  /** The session of a profile that was just read or written. Fails as {@link CurrentSession.load}. */
  sessionIn(stored: StoredProfile): Promise<FoundSession>;
  /** Takes a session into memory and says whether it is enough for a caller. One that another process has refreshed is announced. */
  isEnough(session: Session, need: AccessTokenOptions): boolean;
  /** Takes a session into memory. */
  hold(session: Session): void;
  /** Tells the embedder where the tokens come from now. */
  announce(event: "refreshed" | "adopted", session: Session): void;
  forget(): void;
}
