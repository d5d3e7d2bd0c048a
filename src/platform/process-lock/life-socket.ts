/**
 * The socket that proves a holder alive on its own kernel: see holder.ts. Node has no kernel locks on Linux, and a
 * socket, too, is taken from a process at its end and at no other time.
 *
 * It is next to the lock, or, if that is not a local file system, in this machine's memory, where the processes of one
 * mount namespace meet. There its name cannot be known in advance, nor can others remove it (sticky). An abstract socket
 * would need no file, but its name is public (/proc/net/unix), and after its holder's death any user could take it, and
 * so block the lock. It is not the lock's entry, since a Windows machine that shares the directory cannot remove a
 * socket.
 */
import {
  chmodSync,
  closeSync,
  constants,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
  statfsSync,
  statSync,
  unlinkSync,
} from "node:fs";
import { connect, createServer } from "node:net";
import { basename, dirname, join } from "node:path";
import { systemErrorCode } from "../../base/errors.ts";
import { systemClock } from "../clock.ts";

interface SocketPlace {
  /** Of the file system, in hexadecimal. */
  readonly device: string;
  readonly isNextToLock: boolean;
  pathOf(id: string): string;
}

/** On every Linux, container or not, and shared with no other kernel. */
const memory = "/dev/shm";

/** f_type of statfs(2): file systems with sockets that two kernels never mount at once. */
const localTypes: ReadonlySet<number> = new Set([
  0xef53, // ext2, ext3, ext4
  0x58465342, // XFS
  0x9123683e, // Btrfs
  0x2fc12fc1, // ZFS
  0xf2f52010, // F2FS
  0xca451a4e, // bcachefs
  0x794c7630, // overlayfs, whose upper directory belongs to one mount
  0x01021994, // tmpfs
]);

/** Undefined where neither the lock's directory nor the memory will do. */
export function placeOfLifeSocket(lock: string): SocketPlace | undefined {
  for (const [folder, prefix] of [
    [dirname(lock), `${lock}.`],
    [memory, `${memory}/`],
  ] as const) {
    try {
      if (!localTypes.has(statfsSync(folder).type)) continue;
      const device = statSync(folder).dev.toString(16);
      return { device, isNextToLock: prefix.startsWith(lock), pathOf: (id) => `${prefix}${id}.${device}` };
    } catch {
      // A runtime without statfs, a container without this memory.
    }
  }
  return undefined;
}

/**
 * Listens without keeping the process alive, until this thread ends. Returns what closes and removes the socket;
 * undefined where not possible.
 */
export function listen(path: string): (() => void) | undefined {
  // Read to its end, or it would stay open after the other side left.
  const server = createServer((socket) =>
    socket
      .on("error", () => undefined)
      .resume()
      .unref(),
  );
  server.on("error", () => undefined);
  let short: ShortPath | undefined;
  try {
    short = shortened(`${path}~`);
    // `exclusive`: or in a node:cluster worker another process would listen. The backlog is Linux's maximum.
    server.listen({ path: short.path, exclusive: true, backlog: 4096 });
    if (!server.listening) return undefined;
    chmodSync(`${path}~`, 0o600);
    // A process or thread that ends may remove what it bound. The proof that it ended must stay.
    renameSync(`${path}~`, path);
    if (dirname(path) === memory) sweepMemory().catch(() => undefined);
  } catch {
    server.close();
    return undefined;
  } finally {
    short?.close();
  }
  server.unref();
  return () => {
    server.close();
    try {
      unlinkSync(path);
    } catch {}
  };
}

/** For that long, in milliseconds, a dead holder's socket stays, to prove its lock free at once; then silence does. */
const proofMs = 3_600_000;

/**
 * Removes some of what killed holders left in memory, where no lock leads to it: this user's sockets that the kernel
 * refuses. That is final, since a socket listens before it gets its name, and no other gets the same one. One without it
 * (`~`) may be a stopped process's, which then goes on without a socket. No link is followed: only this user can replace
 * what was examined (sticky).
 */
export async function sweepMemory(folder: string = memory): Promise<void> {
  const uid = process.geteuid?.();
  const madeUntil = systemClock.now() - proofMs;
  const isLeft = (path: string): boolean => {
    const found = lstatSync(path, { throwIfNoEntry: false });
    return found?.isSocket() === true && found.uid === uid && found.mtimeMs < madeUntil;
  };
  const paths = readdirSync(folder).flatMap((name) =>
    /^[0-9a-f]{16}\.[0-9a-f]+~?$/.test(name) ? join(folder, name) : [],
  );
  // From anywhere: those that must stay do not hide the others.
  const from = Math.floor(Math.random() * paths.length);
  const some = [...paths.slice(from), ...paths.slice(0, from)].slice(0, 16);
  for (const path of some) if (isLeft(path) && (await isNobodys(path))) unlinkSync(path);
}

/** Whether a socket's process has ended. */
export async function isNobodys(path: string): Promise<boolean> {
  const connection = await connectTo(path);
  if (connection === "refused") return true;
  connection?.close();
  return false;
}

export interface Connection {
  /** False once the process has ended. */
  isOpen(): boolean;
  close(): void;
}

/**
 * Connects to the process that listens at `path`: `refused` if none does, undefined if the kernel does not say. Keep
 * the connection while its state matters: a stopped process accepts none, and they fill its queue.
 */
export async function connectTo(path: string): Promise<Connection | "refused" | undefined> {
  let short: ShortPath | undefined;
  try {
    const { path: at } = (short = shortened(path));
    return await new Promise((resolve) => {
      const socket = connect({ path: at });
      const connection = { isOpen: () => !socket.destroyed, close: () => void socket.destroy() };
      // Not earlier: a runtime may end meanwhile, with nothing else to wait for.
      socket.once("connect", () => resolve((socket.unref(), connection))).resume();
      socket.on("error", (error) => {
        const code = systemErrorCode(error);
        // EAGAIN: the queue is full, so the process is there. The closed socket makes the next look ask again.
        resolve(code === "EAGAIN" ? connection : code === "ECONNREFUSED" ? "refused" : undefined);
      });
    });
  } catch {
    return undefined;
  } finally {
    short?.close();
  }
}

interface ShortPath {
  readonly path: string;
  close(): void;
}

/**
 * Socket paths have at most 107 bytes, and longer ones are silently cut; through /proc every directory has a short
 * path.
 */
function shortened(path: string): ShortPath {
  if (Buffer.byteLength(path) <= 107) return { path, close: () => undefined };
  const folder = openSync(dirname(path), constants.O_RDONLY | (constants.O_DIRECTORY ?? 0));
  return { path: `/proc/self/fd/${folder}/${basename(path)}`, close: () => closeSync(folder) };
}
