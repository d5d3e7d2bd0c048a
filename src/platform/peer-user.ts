import { readFileSync } from "node:fs";
import type { Socket } from "node:net";

/**
 * Whether a connection to a loopback port of this process comes from another user of the machine, as Linux tells in
 * `/proc/net/tcp`; false where the system does not tell. Root is never another user, and root's own port serves everybody: the
 * browser of a command that runs as root is often the user's.
 *
 * @param socket - accepted by a server of this process
 */
export function isOtherUser({ remoteAddress, remotePort, localPort }: Pick<Socket, "remoteAddress" | "remotePort" | "localPort">): boolean {
  const me = process.geteuid?.();
  if (process.platform !== "linux" || me === undefined || me === 0 || remoteAddress === undefined) return false;
  const peer = peerOf(remoteAddress, remotePort ?? 0, localPort ?? 0);
  if (peer === undefined) return false;
  // A socket that its owner has closed already counts as root's, so only an open one says who owns it.
  return !peer.isOpen || (peer.uid !== me && peer.uid !== 0);
}

/** What the kernel says of the other end of a loopback connection, or undefined when it is not on this machine's list. */
export function peerOf(address: string, port: number, localPort: number): { uid: number; isOpen: boolean } | undefined {
  const from = new Set(endpoints(address, port));
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const row of rowsOf(table)) {
      const [, local = "", remote = "", state, , , , uid] = row.trim().split(/\s+/);
      if (from.has(local) && remote.endsWith(`:${hex(localPort, 4)}`)) return { uid: Number(uid), isOpen: state === "01" };
    }
  }
  return undefined;
}

function rowsOf(table: string): string[] {
  try {
    return readFileSync(table, "latin1").split("\n").slice(1);
  } catch {
    // Another system, or a container that hides it.
    return [];
  }
}

/** An address and a port as the kernel writes them: words of four bytes in the machine's order; IPv4 also as a part of IPv6. */
function endpoints(address: string, port: number): string[] {
  const v4 = /(?:^|:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)?.slice(1).map(Number);
  const suffix = `:${hex(port, 4)}`;
  if (v4 === undefined) return address === "::1" ? [`${"0".repeat(24)}01000000${suffix}`] : [];
  const word = v4.reverse().map((byte) => hex(byte, 2)).join("");
  return [word + suffix, `0000000000000000FFFF0000${word}${suffix}`];
}

function hex(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, "0");
}
