import { createHash, randomBytes } from "node:crypto";
import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readlinkSync } from "node:fs";
import { hostname, networkInterfaces } from "node:os";
import { join } from "node:path";
import { AuthError, systemErrorCode, hint } from "../../base/errors.ts";
import { systemClock } from "../clock.ts";

export interface EntryName {
  /** Differs between holders, and between signs of life. */
  readonly name: string;
  /** Of this hold: 64 bits. */
  readonly id: string;
  readonly signs: number;
  readonly pid: number;
  /** Where the pid is valid: the pid namespace on Linux, elsewhere the machine. */
  readonly space: string;
  /** The device of the socket's file system. */
  readonly place: string;
  readonly host: string;
}

/** No pid namespace, machine or socket. */
export const NONE = "0";
const NAME = /^([0-9a-f]{16})\.(\d{1,15})\.([1-9]\d{0,9})\.([0-9a-f]{1,16})\.([0-9a-f]{1,16})\.([\w%.~-]{1,32})$/;

/**
 * A name for a lock of this process. It carries everything, because a crash never leaves a name half written. At most
 * 107 characters of `[\w%.~-]`: encrypted home directories allow 143.
 */
export function newName(place: string = NONE, id: string = newId()): EntryName {
  return named({
    id,
    signs: 0,
    pid: process.pid,
    space: ownSpace(),
    place,
    host:
      hostname()
        .replace(/[^\w.~-]/g, "%")
        .slice(0, 32) || "%",
  });
}

/** Two virtual machines resumed from one snapshot may draw the same random numbers, but hardly in the same nanosecond. */
export function newId(): string {
  const id = createHash("sha256").update(randomBytes(16)).update(String(systemClock.monotonic()));
  return id.digest("hex").slice(0, 16);
}

/** After the next sign of life. */
export function nextName(of: EntryName): EntryName {
  return named({ ...of, signs: of.signs + 1 });
}

function named(of: Omit<EntryName, "name">): EntryName {
  return { ...of, name: [of.id, of.signs, of.pid, of.space, of.place, of.host].join(".") };
}

export function parseName(name: string): EntryName | undefined {
  const [, id, signs, pid, space, place, host] = NAME.exec(name) ?? [];
  if (!id || !signs || !pid || !space || !place || !host) return undefined;
  return { name, id, signs: Number(signs), pid: Number(pid), space, place, host };
}

let space: string | undefined;

/**
 * Outside of Linux a machine is its host name and the addresses of its network cards: two machines with the same do not
 * share a network, so no directory. After a change of cards, only silence tells.
 */
export function ownSpace(): string {
  if (space !== undefined) return space;
  const namespace = /\d+/.exec(orNothing(() => readlinkSync("/proc/self/ns/pid")))?.[0];
  // A /proc of another pid namespace (the host's, mounted in a container) shows other processes.
  if (namespace !== undefined)
    return (space = orNothing(() => readlinkSync("/proc/self")) === String(process.pid) ? namespace : NONE);
  const cards = Object.values(networkInterfaces()).flatMap((all = []) => all.map(({ mac }) => mac));
  const addresses = [...new Set(cards)].filter((mac) => mac !== "00:00:00:00:00:00").sort();
  const isMachine = process.platform !== "linux" && addresses.length > 0;
  return (space = isMachine
    ? createHash("sha256")
        .update([hostname(), ...addresses].join(" "))
        .digest("hex")
        .slice(0, 12)
    : NONE);
}

function orNothing(get: () => string): string {
  try {
    return get();
  } catch {
    return "";
  }
}

export interface SeenHolder {
  readonly name: EntryName;
  readonly since: Date;
  /** Differs after each sign of life. */
  readonly sign: string;
}

export function readHolder(path: string): SeenHolder | undefined {
  const names = list(path);
  for (const entry of names) {
    const name = parseName(entry);
    // It may be released by now.
    if (name !== undefined) return follow(path, name);
  }
  if (names.length > 0) throw notALock(path);
  return undefined;
}

/**
 * Looks for the holder under its last name, and the next ones. A listing would do on a local file system, but network
 * clients cache it for 20 s (sshfs) or 60 (NFS). They ask the server on open: for the name (sshfs, SMB, NFS 4), or the
 * attributes (NFS 3), of which a rename changes the ctime.
 */
export function follow(path: string, name: EntryName): SeenHolder | undefined {
  for (let steps = 0; steps < 8; steps += 1, name = nextName(name)) {
    let fd: number;
    try {
      fd = openSync(join(path, name.name), constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
    } catch (error) {
      if (systemErrorCode(error) === "ENOENT") continue;
      throw error;
    }
    try {
      const { mtime, ctimeMs } = fstatSync(fd);
      return { name, since: mtime, sign: `${name.name} ${ctimeMs}` };
    } finally {
      closeSync(fd);
    }
  }
  return undefined;
}

export function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return [];
    throw systemErrorCode(error) === "ENOTDIR" ? notALock(folder) : error;
  }
}

export function exists(file: string): boolean {
  try {
    return lstatSync(file, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}

export function notALock(path: string): AuthError {
  return new AuthError("storage_unwritable", `"${path}" exists and is not a lock of this program`, {
    hint: hint`Move it: ${{ run: ["mv", path, `${path}.old`] }}`,
  });
}
