import type { ProfileInUse, Session } from "../sessions/session.ts";
import type { StoredProfile } from "../sessions/store.ts";
import type { AccessTokenOptions } from "./access-token.ts";

/** A session with the profile that holds it. @internal */
export interface FoundSession {
  readonly session: Session;
  readonly stored: StoredProfile;
}

/** The session of a token manager, as far as a refresh concerns it. @internal */
export interface CurrentSession {
  /** Once it is decided. */
  readonly profile: string;
  /** As stored now. Throws {@link NotAuthenticatedError} when it was named and does not exist. */
  inUse(): Promise<ProfileInUse>;
  /** As stored now. Throws {@link NotAuthenticatedError} when there is none, or it belongs to another service. */
  load(): Promise<FoundSession>;
  /** The session of a profile just read or written. Fails as {@link CurrentSession.load}. */
  sessionIn(stored: StoredProfile): Promise<FoundSession>;
  /** Takes a session into memory; true if it satisfies the caller. Announces one that another process has refreshed. */
  isEnough(session: Session, need: AccessTokenOptions): boolean;
  hold(session: Session): void;
  announce(event: "refreshed" | "adopted", session: Session): void;
  forget(): void;
}
