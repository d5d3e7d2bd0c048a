/**
 * The socket that proves a holder alive on its own kernel: see holder.ts for what its answer proves. Node offers no lock of the
 * kernel on Linux, and a socket is what else a kernel takes from a process at its end, and at no other time.
 *
 * It is next to the lock, or, where the folder is not on a local file system, in the memory of this machine: there the processes of one
 * mount namespace meet. Nobody else can know its name before it is there, nor remove it there (sticky). It is not the entry of
 * the lock, since a Windows that sees the folder cannot remove a socket.
 */
import { chmodSync, closeSync, constants, openSync, renameSync, statfsSync, statSync, unlinkSync } from "node:fs";
import { connect, createServer } from "node:net";
import { basename, dirname, join } from "node:path";
import { systemErrorCode } from "../../base/errors.ts";

/** Where a holder of a lock in some folder has its socket. */
export interface SocketPlace {
  /** Of the file system; in hexadecimal. */
  readonly device: string;
  readonly isFolder: boolean;
}

/** Memory that is there on every Linux, container or not, and shared with no other kernel. */
const memory = "/dev/shm";

/** f_type of statfs(2): file systems that have sockets and are never mounted by two kernels at once. */
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

/** Undefined where neither the folder nor the memory will do. */
export function placeOfLifeSocket(folder: string): SocketPlace | undefined {
  for (const at of [folder, memory]) {
    try {
      if (localTypes.has(statfsSync(at).type))
        return { device: statSync(at).dev.toString(16), isFolder: at === folder };
    } catch {
      // A runtime without statfs, a container without this memory.
    }
  }
  return undefined;
}

/** The path of the socket of a holder of the lock at `path`. */
export function lifeSocketPath(place: SocketPlace, path: string, id: string): string {
  return place.isFolder ? `${path}.${id}.${place.device}` : join(memory, `${id}.${place.device}`);
}

/** A socket at which this thread listens until it ends or closes it. */
export interface LifeSocket {
  /** And removes it. */
  close(): void;
}

/** Listens at `path`, without keeping the process alive; undefined where that is not possible. */
export function listen(path: string): LifeSocket | undefined {
  // Read to its end, or it would stay open when the other side has left.
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
    // `exclusive`: or in a worker of node:cluster another process would listen. The length of the queue is as much as Linux allows.
    server.listen({ path: short.path, exclusive: true, backlog: 4096 });
    if (!server.listening) return undefined;
    chmodSync(`${path}~`, 0o600);
    // A process that ends, or a thread, may remove what it has bound. The proof that it has ended must stay.
    renameSync(`${path}~`, path);
  } catch {
    server.close();
    return undefined;
  } finally {
    short?.close();
  }
  server.unref();
  return {
    close() {
      server.close();
      try {
        unlinkSync(path);
      } catch {}
    },
  };
}

/** A connection to a process that listens. */
export interface Connection {
  /** False as soon as the process has ended. */
  isOpen(): boolean;
  close(): void;
}

/**
 * Connects to the process that listens at `path`: `refused` if none does, undefined if the kernel does not say. The connection is to be
 * kept for as long as the answer is of interest: a process that is stopped accepts none, and they stay in its queue.
 */
export async function connectTo(path: string): Promise<Connection | "refused" | undefined> {
  let short: ShortPath | undefined;
  try {
    const { path: at } = (short = shortened(path));
    return await new Promise((resolve) => {
      const socket = connect({ path: at });
      const connection = { isOpen: () => !socket.destroyed, close: () => void socket.destroy() };
      // Not before: a runtime may end meanwhile, with nothing else to wait for.
      socket.once("connect", () => resolve((socket.unref(), connection))).resume();
      socket.on("error", (error) => {
        const code = systemErrorCode(error);
        // EAGAIN: the queue is full, so there is one. It is asked again the next time, since this socket is closed by then.
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

/** The address of a socket has at most 107 bytes, and longer ones were cut without a word; through /proc every folder has a short path. */
function shortened(path: string): ShortPath {
  if (Buffer.byteLength(path) <= 107) return { path, close: () => undefined };
  const folder = openSync(dirname(path), constants.O_RDONLY | (constants.O_DIRECTORY ?? 0));
  return { path: `/proc/self/fd/${folder}/${basename(path)}`, close: () => closeSync(folder) };
}
