import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Clock } from "../platform/clock.ts";
import { ensurePrivateFolder, readPrivateFile, replacePrivateFile } from "../platform/private-files.ts";
import { acquireProcessLock } from "../platform/process-lock/process-lock.ts";
import { namesIn } from "./queue-files.ts";
import { QueueFolder } from "./queue-folder.ts";

/** Whose events: the three things that together decide under which token and to which team something is sent. */
export interface Account {
  /** The service's base URL, as the one resolver gives it. */
  service: string;
  /** The service's own id of the user, `user_id` of `/api/v1/me`. */
  user: string;
  /** Team id; null for an account without teams. */
  team: string | null;
  /** What people call it, such as the e-mail address; for messages only. */
  label?: string | undefined;
}

/** Where an event comes from: the account that is logged in, or what is known while nobody is. @internal */
export interface Origin {
  /** The profile in use, or another name for whoever it is that emits. */
  profile: string;
  /** The service that the profile or the environment names; null when neither does. */
  service: string | null;
  /** The account that is logged in on that profile; undefined when nobody is, or nothing here knows who. */
  account: Account | undefined;
}

/** The part of the queue that belongs to one account, or to nobody yet. @internal */
export interface QueueScope {
  /** The only account that this may be sent under; undefined while nobody has ever logged in on its profile. */
  readonly account: Account | undefined;
  readonly events: QueueFolder;
  readonly artifacts: QueueFolder;
  /** Path of the lock that its one drainer holds. */
  readonly lock: string;
}

/**
 * The queue on disk: one folder for each account, so that what one account emitted never goes out under another.
 *
 * What is emitted while nobody is logged in belongs to the account that last used the queue on its profile, and waits for
 * that account to return, even if another logs in meanwhile. Only where there was none does it wait in a folder of the
 * profile and the service, and the first account that logs in on that profile at that service adopts it. What was emitted
 * with no service configured goes to the first account of the profile, whatever its service.
 * @internal
 */
export class SyncQueue {
  readonly #root: string;
  readonly #clock: Clock;

  /**
   * @param root - the folder `queue` in the configuration folder; made when it is first needed
   * @param clock - for the lock's time limit and the age of unfinished files
   */
  constructor(root: string, clock: Clock) {
    this.#root = root;
    this.#clock = clock;
  }

  /** Where what is emitted now is queued. */
  scopeOf(origin: Origin): QueueScope {
    const folder = homeless(origin.profile, origin.service);
    const last = this.#lastAccount(folder);
    if (origin.account && !sameAccount(last, origin.account)) this.#write(folder, "last-account.json", origin.account);
    const account = origin.account ?? last;
    return account ? this.#accountScope(account) : this.#scope(folder, undefined);
  }

  /**
   * Remembers that `account` is the one that `profile` is used with, and gives it what was emitted before the profile ever
   * had one. To be called after a login and before a drain; nothing happens when nothing changed or there is no queue yet.
   *
   * @returns how many entries were adopted
   * @throws {@link AuthError} when the queue cannot be written
   */
  async bind(profile: string, account: Account): Promise<number> {
    if (namesIn(this.#root).length === 0) return 0;
    const folders = [homeless(profile, account.service), homeless(profile, null)];
    const isSettled = (folder: string): boolean => {
      const { events, artifacts } = this.#scope(folder, undefined);
      return sameAccount(this.#lastAccount(folder), account) && events.isEmpty() && artifacts.isEmpty();
    };
    if (folders.every(isSettled)) return 0;
    ensurePrivateFolder(this.#root);
    const lock = await acquireProcessLock(join(this.#root, "bind.lock"), { clock: this.#clock, timeoutMs: 10_000 });
    try {
      let adopted = 0;
      for (const folder of folders) {
        // An entry that was being written while the profile got its account is that account's, not the next one's.
        const owner = this.#lastAccount(folder) ?? account;
        const from = this.#scope(folder, undefined);
        const to = this.#accountScope(owner);
        adopted += from.events.moveAllTo(to.events) + from.artifacts.moveAllTo(to.artifacts);
        if (!sameAccount(owner, account) || this.#lastAccount(folder) === undefined) this.#write(folder, "last-account.json", account);
      }
      return adopted;
    } finally {
      lock.release();
    }
  }

  /** Every scope in which something waits or was given up, whoever it belongs to. */
  scopes(): QueueScope[] {
    const scopes: QueueScope[] = [];
    for (const name of namesIn(this.#root)) {
      if (!/^[0-9a-f]{32}$/.test(name)) continue;
      const scope = this.#scope(name, this.#read(name, "account.json"));
      if (!scope.events.isUnused() || !scope.artifacts.isUnused()) scopes.push(scope);
    }
    return scopes;
  }

  /** The scopes that an account may drain: its own, and those of its user's other teams, each sent to its own team. */
  scopesOf(account: Account): QueueScope[] {
    return this.scopes().filter((scope) => scope.account?.service === account.service && scope.account.user === account.user);
  }

  #accountScope(account: Account): QueueScope {
    const folder = hash("account", account.service, account.user, account.team);
    if (this.#read(folder, "account.json") === undefined) this.#write(folder, "account.json", account);
    return this.#scope(folder, account);
  }

  #scope(folder: string, account: Account | undefined): QueueScope {
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
    const { service, user, team, label } = account;
    ensurePrivateFolder(join(this.#root, folder));
    replacePrivateFile(join(this.#root, folder, file), `${JSON.stringify({ service, user, team, label })}\n`);
  }

  #read(folder: string, file: string): Account | undefined {
    const text = readPrivateFile(join(this.#root, folder, file))?.toString("utf8");
    return text === undefined ? undefined : parseAccount(text);
  }
}

/** A folder name that any file system takes, and that is the same for every process. */
function hash(...parts: readonly (string | null)[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
}

/** The folder of what a profile emitted before it ever had an account. */
function homeless(profile: string, service: string | null): string {
  return hash("profile", profile, service);
}

function sameAccount(a: Account | undefined, b: Account): boolean {
  return a?.service === b.service && a.user === b.user && a.team === b.team;
}

/** Undefined for a damaged file, which is then written anew by the account whose folder it is in. */
function parseAccount(text: string): Account | undefined {
  try {
    const { service, user, team = null, label } = Object(JSON.parse(text)) as Record<string, unknown>;
    if (typeof service !== "string" || typeof user !== "string" || (team !== null && typeof team !== "string")) return undefined;
    return { service, user, team, label: typeof label === "string" ? label : undefined };
  } catch {
    return undefined;
  }
}
