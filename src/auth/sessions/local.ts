import type { Clock } from "../../platform/clock.ts";
import type { DataKey, KeySlots } from "../secure-storage/data-key.ts";
import type { Choice, Profile } from "./session.ts";
import type { AwaitedWork, StoredProfile } from "./store.ts";

/** What names this machine, and where it keeps what it does not share. */
export interface ThisMachine {
  /** A digest of its id; empty where it has none. */
  readonly digest: string;
  /** From `stateFolder`: fails where there is no home. */
  readonly folder: () => string;
}

export interface LocalOptions {
  /** The directory of everything that is kept. */
  readonly folder: string;
  readonly keys: KeySlots;
  readonly clock: Clock;
  readonly machine: ThisMachine;
  /** Called after a second of waiting. */
  readonly onWait: (awaited: AwaitedWork) => void;
  /** The real path of the working folder, for which the user may have chosen a profile. */
  readonly workingFolder: string | undefined;
}

/** What the file of a profile holds: all of it but the session, which has a file of its own. */
export type ProfileText = Omit<Profile, "session"> & { readonly name: string; readonly login?: string | undefined };

/** A profile as it was read from its files, and what tells whether that is still so. */
export interface ReadProfile extends StoredProfile {
  readonly key: DataKey;
  /** Both files at a glance, before they were read. */
  readonly mark: string;
  /** Their bytes, which no two writes have in common. */
  readonly bytes: readonly [profile: Buffer | undefined, login: Buffer | undefined];
}

/** The reading half of the local store, for the other half. */
export interface LocalFiles {
  readonly options: LocalOptions;
  look(name: string, key: DataKey): Promise<ReadProfile>;
  choiceIn(key: DataKey | undefined): Choice;
  names(): Promise<readonly string[]>;
}
