import { createHash } from "node:crypto";
import { join } from "node:path";
import { parseJson } from "../http/json-members.ts";
import type { Clock } from "../platform/clock.ts";
import { ensurePrivateFolder, replacePrivateFile } from "../platform/private-file-changes.ts";
import { checkFolder, readPrivateFile } from "../platform/private-files.ts";
import { acquireProcessLock } from "../platform/process-lock/process-lock.ts";
import { firstNames, namesIn } from "../platform/large-folder.ts";
import { QueueFolder } from "./queue-folder.ts";

/** The owner of events: service, user and team together decide with which token and to which team something is sent. */
export interface Account {
  service: string;
  /** The service's own id of the user, `user_id` of `/api/v1/me`. */
  user: string;
  /** Team id; null for an account without teams. */
  team: string | null;
  /** A name for people, such as the email address; for messages only, and never stored. */
  label?: string | undefined;
}

/** Where an event comes from: the account that is logged in, or what is known without one. @internal */
export interface Origin {
  /** The profile in use, or another name for the emitter. */
  profile: string;
  /** The service that the profile or the environment names; null when neither does. */
  service: string | null;
  /** The account that is logged in on that profile; undefined when there is none, or it is not known here. */
  account: Account | undefined;
}

/** The part of the queue that belongs to one account, or to none yet. @internal */
export interface QueueScope {
  /** The only account that this may be sent for; undefined while nobody has ever logged in on its profile. */
  readonly account: Account | undefined;
  readonly events: QueueFolder;
  readonly artifacts: QueueFolder;
  readonly lock: string;
}

/**
 * The queue on disk: one folder for each account, so that events of one account are never sent as another.
 *
 * Events that are emitted while nobody is logged in belong to the account that last used the queue on their profile, and wait for
 * that account to return, even if another logs in first. Only without such an account do they wait in a folder of the
 * profile and the service, until the first account that logs in on that profile at that service adopts them. Events that were emitted
 * with no service configured go to the first account of the profile, at whatever service.
 * @internal
 */
export class SyncQueue {
  readonly #root: string;
  readonly #clock: Clock;

  /** `root`: the folder `queue` in the configuration folder; made when it is first needed. */
  constructor(root: string, clock: Clock) {
    this.#root = root;
    this.#clock = clock;
  }

  scopeOf(origin: Origin): QueueScope {
    const folder = unassigned(origin.profile, origin.service);
    const last = this.#lastAccount(folder);
    if (origin.account && !isSameAccount(last, origin.account))
      this.#write(folder, "last-account.json", origin.account);
    const account = origin.account ?? last;
    return account ? this.#accountScope(account) : this.#scope(folder, undefined);
  }

  /**
   * Assigns to `account` what was emitted before the profile ever had one. To be called after a login and before a drain; it does nothing
   * when nothing has changed or there is no queue yet.
   */
  async bind(profile: string, account: Account): Promise<void> {
    if (firstNames(this.#root, 1, () => true).length === 0) return;
    const folders = [unassigned(profile, account.service), unassigned(profile, null)];
    const isSettled = (folder: string): boolean => {
      const { events, artifacts } = this.#scope(folder, undefined);
      return isSameAccount(this.#lastAccount(folder), account) && events.isEmpty() && artifacts.isEmpty();
    };
    if (folders.every(isSettled)) return;
    ensurePrivateFolder(this.#root);
    const lock = await acquireProcessLock(join(this.#root, "bind.lock"), { clock: this.#clock, timeoutMs: 10_000 });
    try {
      for (const folder of folders) {
        // An entry that was being written while the profile got its account belongs to that account, not to the next one.
        const owner = this.#lastAccount(folder) ?? account;
        const from = this.#scope(folder, undefined);
        const to = this.#accountScope(owner);
        from.events.moveAllTo(to.events);
        from.artifacts.moveAllTo(to.artifacts);
        if (!isSameAccount(owner, account) || this.#lastAccount(folder) === undefined)
          this.#write(folder, "last-account.json", account);
      }
    } finally {
      lock.release();
    }
  }

  /** In which something waits or was given up, of all accounts. */
  scopes(): QueueScope[] {
    const scopes: QueueScope[] = [];
    for (const name of namesIn(this.#root)) {
      if (!/^[0-9a-f]{32}$/.test(name)) continue;
      const scope = this.#scope(name, this.#read(name, "account.json"));
      if (!scope.events.isUnused() || !scope.artifacts.isUnused()) scopes.push(scope);
    }
    return scopes;
  }

  /** The scopes that an account may drain: its own, and those of its user's other teams, each of which is sent to its own team. */
  scopesOf(account: Account): QueueScope[] {
    return this.scopes().filter(
      (scope) => scope.account?.service === account.service && scope.account.user === account.user,
    );
  }

  #accountScope(account: Account): QueueScope {
    const folder = hash("account", account.service, account.user, account.team);
    if (this.#read(folder, "account.json") === undefined) this.#write(folder, "account.json", account);
    return this.#scope(folder, account);
  }

  #scope(folder: string, account: Account | undefined): QueueScope {
    // Those that can change it could give one account's events to another.
    checkFolder(this.#root);
    const path = join(this.#root, folder);
    return {
      account,
      events: new QueueFolder(path, "events", this.#clock),
      artifacts: new QueueFolder(path, "artifacts", this.#clock),
      lock: join(path, "drain.lock"),
    };
  }

  #lastAccount(folder: string): Account | undefined {
    return this.#read(folder, "last-account.json");
  }

  #write(folder: string, file: string, account: Account): void {
    const { service, user, team } = account;
    ensurePrivateFolder(join(this.#root, folder));
    replacePrivateFile(join(this.#root, folder, file), `${JSON.stringify({ service, user, team })}\n`);
  }

  #read(folder: string, file: string): Account | undefined {
    const text = readPrivateFile(join(this.#root, folder, file))?.toString("utf8");
    return text === undefined ? undefined : parseAccount(text);
  }
}

/** A folder name that is valid in any file system and the same for every process. */
function hash(...parts: readonly (string | null)[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
}

/** The folder of what a profile emitted before it ever had an account. */
function unassigned(profile: string, service: string | null): string {
  return hash("profile", profile, service);
}

export function isSameAccount(a: Account | undefined, b: Account): boolean {
  return a?.service === b.service && a.user === b.user && a.team === b.team;
}

/** Undefined for a damaged file, which the account of its folder then replaces. */
function parseAccount(text: string): Account | undefined {
  const { service, user, team = null } = Object(parseJson(text)) as Record<string, unknown>;
  if (typeof service !== "string" || typeof user !== "string" || (team !== null && typeof team !== "string"))
    return undefined;
  return { service, user, team };
}
