import { createHash } from "node:crypto";
import { join } from "node:path";
import { AuthError, hint } from "../base/errors.ts";
import { parseJson } from "../http/json-members.ts";
import type { Clock } from "../platform/clock.ts";
import { ensurePrivateFolder, replacePrivateFile } from "../platform/private-file-changes.ts";
import { checkFolder, readPrivateFile } from "../platform/private-files.ts";
import { acquireProcessLock } from "../platform/process-lock/process-lock.ts";
import { firstNames, namesIn } from "../platform/large-folder.ts";
import { QueueFolder } from "./queue-folder.ts";

/** The owner of events. */
export interface Account {
  service: string;
  /** `user_id` of `/api/v1/me`. */
  user: string;
  /** Null for an account without teams. */
  team: string | null;
  /** Such as the email address; never stored. */
  label?: string | undefined;
}

/** The account of an event, or what is known without one. */
export interface Origin {
  /** The profile in use, or another name for the emitter. */
  profile: string;
  /** By the profile or the environment; null if neither names one. */
  service: string | null;
  /** Undefined if none, or unknown here. */
  account: Account | undefined;
}

/** One account's, or none's yet. */
export interface QueueScope {
  /** Undefined before the profile's first login. */
  readonly account: Account | undefined;
  readonly events: QueueFolder;
  readonly artifacts: QueueFolder;
  readonly lock: string;
}

/**
 * A directory for each account, so that its events are never sent as another.
 *
 * Events emitted without a login belong to the account that last used the queue on their profile, and wait for its
 * return, even if another logs in first. Without such an account they wait in a directory of profile and service, until
 * the first account to log in there adopts them. Events emitted without a service go to the profile's first account, at
 * any service.
 */
export class SyncQueue {
  readonly #root: string;
  readonly #clock: Clock;

  /** `root`: created when needed. */
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
   * Assigns to `account` what the profile emitted before its first login. Call this after a login and before a drain.
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
        // An entry written while the profile got its account belongs to that account.
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

  /** Where something waits or was given up. */
  scopes(): QueueScope[] {
    const scopes: QueueScope[] = [];
    for (const name of namesIn(this.#root)) {
      if (!/^[0-9a-f]{32}$/.test(name)) continue;
      const scope = this.#scope(name, this.#read(name, "account.json"));
      if (!scope.events.isUnused() || !scope.artifacts.isUnused()) scopes.push(scope);
    }
    return scopes;
  }

  /** And those of the user's other teams. */
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
    // A user who can change it could give one account's events to another.
    checkFolder(this.#root);
    const path = join(this.#root, folder);
    return {
      account,
      events: new QueueFolder(path, "events"),
      artifacts: new QueueFolder(path, "artifacts"),
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

/** For any file system, the same in every process. */
function hash(...parts: readonly (string | null)[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
}

function unassigned(profile: string, service: string | null): string {
  return hash("profile", profile, service);
}

/** @throws {@link AuthError} `access_denied` if the account has none; `what` needs one */
export function teamOf({ team }: Account, what: string): string {
  if (team !== null) return team;
  throw new AuthError("access_denied", `this account has no team, and ${what} one`, {
    hint: hint`Join a team, then update the list: ${{ command: "auth status", options: ["--check"] }}`,
  });
}

export function isSameAccount(a: Account | undefined, b: Account): boolean {
  return a?.service === b.service && a.user === b.user && a.team === b.team;
}

/** The account of its directory then replaces a damaged file. */
function parseAccount(text: string): Account | undefined {
  const { service, user, team = null } = Object(parseJson(text)) as Record<string, unknown>;
  if (typeof service !== "string" || typeof user !== "string" || (team !== null && typeof team !== "string"))
    return undefined;
  return { service, user, team };
}
