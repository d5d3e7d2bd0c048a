import type { Clock } from "../../platform/clock.ts";
import type { DataKey, KeySlots } from "../secure-storage/data-key.ts";
import type { Choice, Profile } from "./session.ts";
import type { AwaitedWork, StoredProfile } from "./store.ts";

/** What names this machine, and the place for what it does not share. */
export interface ThisMachine {
  /** Of its id; empty without one. */
  readonly digest: string;
  /** From `stateFolder`: throws without a home. */
  readonly folder: () => string;
}

export interface LocalOptions {
  readonly folder: string;
  readonly keys: KeySlots;
  readonly clock: Clock;
  readonly machine: ThisMachine;
  /** Called after a second of waiting. */
  readonly onWait: (awaited: AwaitedWork) => void;
  /** The working directory's real path, for which the user may have chosen a profile. */
  readonly workingFolder: string | undefined;
}

/** The content of a profile's file: all but the session, which has its own file. */
export type ProfileText = Omit<Profile, "session"> & { readonly name: string; readonly login?: string | undefined };

/** A profile from its files. */
export interface ReadProfile extends StoredProfile {
  readonly key: DataKey;
  /** No two writes share them. */
  readonly bytes: readonly [profile: Buffer | undefined, login: Buffer | undefined];
}

/** What reads, for what changes. */
export interface LocalFiles {
  readonly options: LocalOptions;
  look(name: string, key: DataKey): Promise<ReadProfile>;
  choiceIn(key: DataKey | undefined): Choice;
  names(): Promise<readonly string[]>;
}
