import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { AuthError, isAuthError, hint } from "../base/errors.ts";
import type { Clock } from "../platform/clock.ts";
import type { Reservation } from "../platform/replace-file.ts";
import type { LockHolder } from "../platform/process-lock/holder.ts";
import type { PreparedLock } from "../platform/process-lock/process-lock.ts";
import type { KeyHeader, Vault, VaultLock } from "./secure-storage/vault.ts";
import {
  isSameSession,
  loggedIn,
  nobody,
  parseProfiles,
  serializeProfiles,
  usedIn,
  withProfile,
  type Profile,
  type Profiles,
  type Session,
} from "./session.ts";

/** Another process that this one waits for. */
export interface AwaitedProcess {
  /** What it does: refresh the session, or change what is stored. */
  readonly work: "refresh" | "change";
  /** Undefined where it is in another container or on another machine, and where the system does not say. */
  readonly pid: number | undefined;
}

/** What {@link SessionStore.reserve} has taken. @internal */
export interface StoreReservation {
  readonly room: Reservation;
  /** Undefined where nothing is on disk. */
  readonly lock: PreparedLock | undefined;
  /** Gives it back. Does nothing after it was used. */
  discard(): void;
}

/** How a change is made. @internal */
export interface UpdateOptions {
  readonly reservation?: StoreReservation;
  /** Seals with another key from now on. */
  readonly key?: KeyHeader;
  /** If what is stored cannot be opened, it is moved aside instead of being an error, and this is told where it is. */
  readonly onSetAside?: ((path: string) => void) | undefined;
}

/**
 * The profiles at rest. Reading takes no lock, since a vault is replaced whole; every change reads, decides and writes
 * under one lock, so that two changes never lose each other.
 * @internal
 */
export class SessionStore {
  readonly #vault: Vault;
  readonly #clock: Clock;
  readonly #onWait: (awaited: AwaitedProcess) => void;
  readonly #folder: string | undefined;

  /**
   * `vault`: the sealed file, another {@link Vault}, or `memoryVault()`. `clock` measures how long a lock is waited for; `onWait` is called
   * after a second. `folder`: the real path of the working folder, see {@link usedIn}.
   */
  constructor(
    vault: Vault,
    clock: Clock,
    {
      onWait = () => undefined,
      folder,
    }: { onWait?: ((awaited: AwaitedProcess) => void) | undefined; folder?: string | undefined } = {},
  ) {
    this.#vault = vault;
    this.#clock = clock;
    this.#onWait = onWait;
    this.#folder = folder;
  }

  /** Changes whenever anything that is stored changes. */
  mark(): string | undefined {
    return this.#vault.mark();
  }

  /**
   * All profiles, as they are used in the working folder; none when nothing is stored.
   * @throws {@link AuthError} `storage_unsafe`, `storage_damaged`, `storage_unreadable` or `keychain_unavailable`
   */
  async read(): Promise<Profiles> {
    return usedIn(await this.#stored(), this.#folder);
  }

  async #stored(): Promise<Profiles> {
    const text = await this.#vault.read();
    return text === undefined ? nobody : parseProfiles(text);
  }

  /**
   * Takes everything on disk that the next {@link SessionStore.replaceSession} needs, before something is done that cannot be
   * undone: room for the file, sealed with `key` if that is a new one, and the entries of the lock under which it is replaced. Throws
   * `storage_unwritable` when the disk does not have that.
   */
  async reserve(key?: KeyHeader): Promise<StoreReservation> {
    const room = await this.#vault.reserve(key);
    try {
      const path = this.#lockPath("credentials");
      const lock = path === undefined ? undefined : (await processLock()).prepareProcessLock(path, this.#clock);
      return {
        room,
        lock,
        discard() {
          room.discard();
          lock?.discard();
        },
      };
    } catch (error) {
      room.discard();
      throw error;
    }
  }

  /**
   * Changes what is stored, and returns what is stored now. `change` gets the profiles as they are now; returning the same value leaves
   * them. Throws `lock_unavailable` or `storage_…`; what was stored is still there then.
   */
  async update(change: (profiles: Profiles) => Profiles, options: UpdateOptions = {}): Promise<Profiles> {
    return options.key === undefined
      ? this.#update(change, options)
      : this.#withoutRefreshes(() => this.#update(change, options), options);
  }

  async #update(
    change: (profiles: Profiles) => Profiles,
    { reservation, key, onSetAside }: UpdateOptions,
  ): Promise<Profiles> {
    const lock = await (reservation?.lock?.acquire({
      clock: this.#clock,
      timeoutMs: 10_000,
      onWait: this.#waiting("change"),
    }) ?? this.lock("credentials", 10_000));
    try {
      let before = await this.#storedIfOpenable(onSetAside !== undefined);
      if (before === undefined) {
        onSetAside?.((await this.#vault.setAside?.()) ?? "");
        before = nobody;
      }
      const after = change(before);
      if (after === before && key === undefined) return before;
      await this.#write(after, lock, { ...(reservation && { reservation: reservation.room }), ...(key && { key }) });
      return after;
    } finally {
      lock?.release();
    }
  }

  /** What is stored; undefined if it cannot be opened and may be moved aside. */
  async #storedIfOpenable(mayBeMoved: boolean): Promise<Profiles | undefined> {
    return this.#stored().catch((error: unknown) => {
      if (!mayBeMoved || this.#vault.setAside === undefined || !isUnopenable(error)) throw error;
      return undefined;
    });
  }

  async #write(
    profiles: Profiles,
    lock: VaultLock | undefined,
    options: { reservation?: Reservation; key?: KeyHeader } = {},
  ): Promise<void> {
    const text = serializeProfiles(profiles);
    // A lock is only ever taken from a living holder that nobody can see (another container), after ten minutes without a sign of life.
    if (lock?.held() === false)
      throw new AuthError("lock_unavailable", "the lock on the credentials was lost while this process was stopped", {
        hint: "Try again",
      });
    await this.#vault.write(text, options);
    // Read back: a disk that lies or a wrong key shows now, while the session is still in memory.
    if ((await this.#vault.read()) !== text) {
      throw new AuthError("storage_unwritable", `"${this.#vault.path}" does not contain what was just written`, {
        hint: hint`Run: ${{ command: "auth doctor" }}`,
      });
    }
  }

  /**
   * Does something while no profile is being refreshed. A process that waits for the service may not have the new key: it could
   * not store the answer, and the session would be lost with it.
   */
  async #withoutRefreshes<T>(work: () => Promise<T>, { onSetAside }: UpdateOptions): Promise<T> {
    const locks: (VaultLock | undefined)[] = [];
    try {
      // In the same order everywhere, so that no two processes wait for each other.
      const { profiles } = (await this.#storedIfOpenable(onSetAside !== undefined)) ?? nobody;
      for (const name of [...profiles.keys()].sort()) locks.push(await this.lock(refreshLockName(name), 15_000));
      return await work();
    } finally {
      for (const lock of locks) lock?.release();
    }
  }

  /**
   * Replaces a session, only if it is still the one that is stored: an answer that arrives after a logout or a new login does
   * not bring the old session back (S-003). Returns the profile as it is stored now, if it still exists.
   */
  async replaceSession(
    name: string,
    expected: Session,
    next: Session,
    reservation?: StoreReservation,
  ): Promise<Profile | undefined> {
    const swap = (profiles: Profiles): Profiles => {
      const profile = profiles.profiles.get(name);
      if (profile?.session === undefined || !isSameSession(profile.session, expected)) return profiles;
      return withProfile(profiles, name, { ...profile, session: next });
    };
    return (await this.update(swap, reservation && { reservation })).profiles.get(name);
  }

  /** Removes a session, only if it is the one that was refused (S-002): whether it was. The profile stays and remembers its service. */
  async clearSession(name: string, refused: Session): Promise<boolean> {
    let cleared = false;
    await this.update((profiles) => {
      const profile = profiles.profiles.get(name);
      if (profile?.session === undefined || !isSameSession(profile.session, refused)) return profiles;
      cleared = true;
      return withProfile(profiles, name, { ...profile, session: undefined });
    });
    return cleared;
  }

  /**
   * Removes everything that is stored, readable or not; or everything but the profiles with a session.
   *
   * @param but - `sessions`: after a logout of every profile, a session that is there comes from a login made meanwhile, and stays
   * @param removeKey - removes the key as well, once nothing is left; under the same lock, so that no login that is sealed with it
   * comes in between
   * @returns what is still stored
   */
  async removeAll(but?: "sessions", removeKey: () => Promise<void> = async () => undefined): Promise<Profiles> {
    const lock = await this.lock("credentials", 10_000);
    try {
      const left = but === undefined ? nobody : loggedIn(await this.#stored());
      if (left.profiles.size > 0) await this.#write(left, lock);
      else {
        await this.#vault.remove();
        await removeKey();
      }
      return left;
    } finally {
      lock?.release();
    }
  }

  /**
   * A lock next to what it guards: every process that opens the same file, by whatever path, meets the same lock.
   *
   * @param name - what is locked: `credentials` for a change of the file, or a profile's refresh from {@link refreshLockName}
   * @returns undefined when `unless` ended the wait
   */
  async lock(name: string, timeoutMs: number, unless: () => boolean = () => false): Promise<VaultLock | undefined> {
    const vault = this.#vault;
    const options = { clock: this.#clock, timeoutMs, unless };
    if (vault.lock !== undefined) return vault.lock(name, options);
    const path = this.#lockPath(name);
    if (path === undefined) return (await import("./secure-storage/memory.ts")).lockInProcess(vault, name, options);
    (await import("../platform/private-file-changes.ts")).ensurePrivateFolder(dirname(path));
    return (await processLock()).acquireProcessLock(path, {
      ...options,
      onWait: this.#waiting(name === "credentials" ? "change" : "refresh"),
    });
  }

  #waiting(work: AwaitedProcess["work"]): (holder: LockHolder | undefined) => void {
    return (holder) => this.#onWait({ work, pid: holder?.state === "unknown" ? undefined : holder?.pid || undefined });
  }

  /** Undefined where nothing is on disk, or the vault has locks of its own. */
  #lockPath(name: string): string | undefined {
    const { path, lock } = this.#vault;
    return path === undefined || lock !== undefined ? undefined : join(dirname(path), `${name}.lock`);
  }
}

/** Loaded when a lock is taken: a command that finds a good token takes none. */
function processLock(): Promise<typeof import("../platform/process-lock/process-lock.ts")> {
  return import("../platform/process-lock/process-lock.ts");
}

/** Whether an error says that what is stored cannot be opened: not now, or never again. */
export function isUnopenable(error: unknown): error is AuthError {
  return isAuthError(error) && ["storage_damaged", "storage_unreadable", "keychain_unavailable"].includes(error.code);
}

/** The name of the lock for refreshing a profile: two profiles do not wait for each other. */
export function refreshLockName(profile: string): string {
  // Hashed, since file systems differ on which names are the same and profile names may differ only in case.
  return `refresh-${createHash("sha256").update(profile).digest("hex").slice(0, 12)}`;
}
