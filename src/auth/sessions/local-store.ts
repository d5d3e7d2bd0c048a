import { join } from "node:path";
import { fileMark } from "../../platform/private-files.ts";
import type { DataKey } from "../secure-storage/data-key.ts";
import { clocksFile } from "../secure-storage/machine-key.ts";
import type { LocalFiles, LocalOptions, ProfileText, ReadProfile } from "./local.ts";
import { fromText, noChoice, usedIn, type Choice, type Profile, type Session } from "./session.ts";
import type { Claim, ClaimOptions, ProfileChange, Remaining, SessionStore, StoredProfile } from "./store.ts";

/**
 * Logins in sealed files, each replaced whole: `sessions/KEY/PROFILE/profile`, and next to it the login that it names.
 * A profile has its own directory, so nothing reads, lists or waits for another's.
 *
 * There are two kinds of locks, never waited for while holding another:
 *
 * - `LOGIN.lock`: its holder alone replaces the login's file, from the last look before a refresh token is sent until
 *   its result is stored.
 * - `profiles.lock`: for a profile's login, the profile in use, and the keys.
 *
 * A logout takes the login out of the profile and then removes its file; a new login has a new name. So a refresh of an
 * ended login stores what nothing leads to, and removes it again (S-003).
 *
 * Changes and claims are loaded on first use: most commands only read.
 */
export class LocalStore implements SessionStore, LocalFiles {
  readonly options: LocalOptions;

  constructor(options: LocalOptions) {
    this.options = options;
  }

  async choice(): Promise<Choice> {
    return usedIn(this.choiceIn(await this.options.keys.open()), this.options.workingFolder);
  }

  async names(): Promise<readonly string[]> {
    const key = await this.options.keys.open();
    if (key === undefined) return [];
    const { namesIn } = await import("../../platform/large-folder.ts");
    const names = [...namesIn(key.folder)].flatMap((entry) => {
      const name = join(entry, "profile");
      // A profile may just be removed.
      const bytes = /^[0-9a-f]{16}$/.test(entry) ? key.bytes(name) : undefined;
      return bytes === undefined ? [] : fromText<ProfileText>(key.open(name, bytes)).name;
    });
    return names.sort();
  }

  async read(name: string): Promise<StoredProfile> {
    const key = await this.options.keys.open();
    return key === undefined ? { name, profile: undefined } : this.look(name, key);
  }

  async change(name: string, change: ProfileChange): Promise<Profile | undefined> {
    return (await import("./local-changes.ts")).changeProfile(name, change, this);
  }

  async choose(change: (choice: Choice) => Choice): Promise<Choice> {
    return usedIn(await (await import("./local-changes.ts")).changeChoice(change, this), this.options.workingFolder);
  }

  async claim(found: StoredProfile, options: ClaimOptions): Promise<Claim | undefined> {
    return (await import("./local-claim.ts")).claimLogin(found as ReadProfile, options, this);
  }

  async removeAll(but?: "sessions", removeKey?: () => Promise<void>): Promise<Remaining> {
    return (await import("./local-changes.ts")).removeAll(but, removeKey, this);
  }

  async look(name: string, key: DataKey): Promise<ReadProfile> {
    const folder = key.hiddenName(name);
    const profileFile = join(folder, "profile");
    for (let isSecond = false; ; isSecond = true) {
      const bytes = key.bytes(profileFile);
      if (bytes === undefined) return { name, profile: undefined, key, bytes: [undefined, undefined] };
      const { login, name: _, ...profile } = fromText<ProfileText>(key.open(profileFile, bytes));
      const file = login === undefined ? undefined : join(folder, login);
      const loginBytes = file === undefined ? undefined : key.bytes(file);
      // Between the looks the login was ended or replaced, as the profile says. If it does not, the file was lost.
      if (file !== undefined && loginBytes === undefined && !isSecond) continue;
      const session =
        file === undefined || loginBytes === undefined
          ? undefined
          : await this.#inItsTime(fromText<Session>(key.open(file, loginBytes)));
      return { name, profile: { ...profile, session }, key, bytes: [bytes, loginBytes] };
    }
  }

  choiceIn(key: DataKey | undefined): Choice {
    const bytes = key?.bytes("choice");
    if (key === undefined || bytes === undefined) return noChoice;
    const { active, folders } = JSON.parse(key.open("choice", bytes)) as {
      active: string;
      folders?: Record<string, string>;
    };
    return { active, ...(folders && { folders: new Map(Object.entries(folders)) }) };
  }

  /** By this machine's clock, which differs from few servers'. */
  async #inItsTime(session: Session): Promise<Session> {
    const { machine } = this.options;
    let hasOffsets: boolean;
    try {
      hasOffsets = fileMark(clocksFile(machine.folder(), machine.digest)) !== undefined;
    } catch {
      hasOffsets = false;
    }
    return hasOffsets ? (await import("./this-machine.ts")).inItsTime(session, machine) : session;
  }
}
