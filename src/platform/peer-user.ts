import { readFileSync } from "node:fs";
import type { Socket } from "node:net";

/**
 * Whether a connection to a loopback port of this process comes from another user of the machine, as Linux tells in
 * `/proc/net/tcp`; false where the system does not tell. Root is never another user, and root's own port serves everybody: the
 * browser of a command that runs as root is often the user's.
 *
 * A peer that is gone counts as another user's: nobody can say whose it was, and nobody waits for an answer. Otherwise it would do to
 * send a request and reset the connection, before anybody looks.
 */
export function isOtherUser(socket: Pick<Socket, keyof Ends>): boolean {
  if (socket.remoteAddress === undefined) return true;
  const me = process.geteuid?.();
  if (process.platform !== "linux" || me === undefined || me === 0) return false;
  const peer = peerOf(socket);
  // A socket that its owner has closed already counts as root's, so only an open one says who owns it.
  if (peer !== undefined) return !peer.isOpen || (peer.uid !== me && peer.uid !== 0);
  // Its other end is not on this machine's list, as where Windows forwards to WSL, or was reset just now. This end knows: looked up
  // later, it is still open only if the other was not closed before. A list without even the listener tells nothing.
  const [there, here] = endpointsOf(socket);
  const own = connections().filter(({ local }) => here.has(local));
  return own.length > 0 && !own.some(({ remote, isOpen }) => isOpen && there.has(remote));
}

type Ends = Partial<Pick<Socket, "remoteAddress" | "remotePort" | "localAddress" | "localPort">>;

/** What the kernel says of the other end of a loopback connection, or undefined when it is not on this machine's list. */
export function peerOf(socket: Ends): { uid: number; isOpen: boolean } | undefined {
  const [there, here] = endpointsOf(socket);
  return connections().find(({ local, remote }) => there.has(local) && here.has(remote));
}

interface Connection {
  readonly local: string;
  readonly remote: string;
  readonly isOpen: boolean;
  readonly uid: number;
}

function connections(): Connection[] {
  return ["/proc/net/tcp", "/proc/net/tcp6"].flatMap(rowsOf).map((row) => {
    const [, local = "", remote = "", state, , , , uid] = row.trim().split(/\s+/);
    return { local, remote, isOpen: state === "01", uid: Number(uid) };
  });
}

function rowsOf(table: string): string[] {
  try {
    return readFileSync(table, "latin1").split("\n").slice(1);
  } catch {
    // Another system, or a container that hides it.
    return [];
  }
}

/** Both ends in full: a port alone would be found in a connection of ours to another address as well. */
function endpointsOf({
  remoteAddress = "",
  remotePort = 0,
  localAddress = "",
  localPort = 0,
}: Ends): [there: Set<string>, here: Set<string>] {
  return [new Set(endpoints(remoteAddress, remotePort)), new Set(endpoints(localAddress, localPort))];
}

/** An address and a port as the kernel writes them: words of four bytes in the machine's order; IPv4 also as a part of IPv6. */
function endpoints(address: string, port: number): string[] {
  const v4 = /(?:^|:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)?.slice(1).map(Number);
  const suffix = `:${hex(port, 4)}`;
  if (v4 === undefined) return address === "::1" ? [`${"0".repeat(24)}01000000${suffix}`] : [];
  const word = v4
    .reverse()
    .map((byte) => hex(byte, 2))
    .join("");
  return [word + suffix, `0000000000000000FFFF0000${word}${suffix}`];
}

function hex(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, "0");
}
