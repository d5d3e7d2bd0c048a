/**
 * The entry of a lock, by whose name the holder is known: what the name says, and how it is found.
 */
import { createHash, randomBytes } from "node:crypto";
import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readlinkSync } from "node:fs";
import { hostname, networkInterfaces } from "node:os";
import { join } from "node:path";
import { AuthError, systemErrorCode, hint } from "../../base/errors.ts";
import { systemClock } from "../clock.ts";

/** What the name of an entry says about a process. */
export interface EntryName {
  /** All of it: it differs between two holders, and between two signs of life of one. */
  readonly name: string;
  /** Of this one hold: 64 bits. */
  readonly id: string;
  readonly signs: number;
  readonly pid: number;
  /** In which the pid means something: the pid namespace on Linux, elsewhere the machine. */
  readonly space: string;
  /** The device of the file system with its socket. */
  readonly place: string;
  readonly host: string;
}

/** Where there is no pid namespace, no machine, no socket. */
export const NONE = "0";
const NAME = /^([0-9a-f]{16})\.(\d{1,15})\.([1-9]\d{0,9})\.([0-9a-f]{1,16})\.([0-9a-f]{1,16})\.([\w%.~-]{1,32})$/;

/**
 * A name for a lock of this process. All that is said about it is in the name, because a name is never half written, whatever
 * crashes. At most 107 characters of `[\w%.~-]`: encrypted home folders allow 143.
 */
export function newName(place: string = NONE): EntryName {
  // Two virtual machines that go on from one picture of their memory may draw the same random numbers, but hardly in the same nanosecond.
  const id = createHash("sha256").update(randomBytes(16)).update(String(systemClock.monotonic()));
  return named({
    id: id.digest("hex").slice(0, 16),
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

/** The name of a holder that could not listen. */
export function withoutSocket(of: EntryName): EntryName {
  return named({ ...of, place: NONE });
}

/** The name after the next sign of life. */
export function nextName(of: EntryName): EntryName {
  return named({ ...of, signs: of.signs + 1 });
}

function named(of: Omit<EntryName, "name">): EntryName {
  return { ...of, name: [of.id, of.signs, of.pid, of.space, of.place, of.host].join(".") };
}

/** Reads a name made by {@link newName}; undefined when it is not one. */
export function parseName(name: string): EntryName | undefined {
  const [, id, signs, pid, space, place, host] = NAME.exec(name) ?? [];
  if (!id || !signs || !pid || !space || !place || !host) return undefined;
  return { name, id, signs: Number(signs), pid: Number(pid), space, place, host };
}

let space: string | undefined;

/**
 * Elsewhere than on Linux a machine is known by its host name and the addresses of its network cards: with two of the same addresses
 * no network works, and two that see one folder share a network. When a card comes or goes, only silence tells.
 */
export function ownSpace(): string {
  if (space !== undefined) return space;
  const namespace = /\d+/.exec(orNothing(() => readlinkSync("/proc/self/ns/pid")))?.[0];
  // A /proc of another pid namespace (the host's, mounted in a container) would be about other processes.
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
  /** What differs after each sign of life. */
  readonly sign: string;
}

export function readHolder(path: string): SeenHolder | undefined {
  const names = list(path);
  for (const entry of names) {
    const name = parseName(entry);
    // It may have been released meanwhile.
    if (name !== undefined) return follow(path, name);
  }
  if (names.length > 0) throw notALock(path);
  return undefined;
}

/**
 * Looks for the holder under the name that it had, and under those that its next signs of life gave it. A listing would do where the
 * file system is of this machine. A client of a network file system remembers one for 20 s (sshfs) or 60 (NFS), and asks its server
 * when a file is opened: for the name (sshfs, SMB, NFS 4), or for the attributes (NFS 3), of which a rename changes the ctime.
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
