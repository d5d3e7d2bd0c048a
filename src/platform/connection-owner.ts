import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import type { Socket } from "node:net";
import type { Clock } from "./clock.ts";
import { userBehindRoot } from "./user-behind-root.ts";

/**
 * Of this user or root; of another user; or `unknown`, where the system does not tell. A peer that is gone is
 * `foreign`: otherwise one could send a request and reset the connection before the check.
 */
export type ConnectionOwner = "own" | "foreign" | "unknown";

export type Ends = Partial<Pick<Socket, "remoteAddress" | "remotePort" | "localAddress" | "localPort">>;

export function tellsOwners(): boolean {
  return process.platform === "linux" && textOf("/proc/net/tcp") !== "";
}

/** The second has IPv6 sockets that speak IPv4. It is rarely needed, and takes milliseconds even if empty. */
const tables = ["/proc/net/tcp", "/proc/net/tcp6"];

/** Requests per lookup without a rest. */
const batch = 64;
const maxRestMs = 500;

/**
 * Looks up the owners of connections to a port of this process in Linux's `/proc/net/tcp`. Undefined on other systems,
 * and where that is unreadable or lacks the port, which listens already. Later, a missing peer is hiding.
 *
 * The kernel writes the list for each reader, and any user can make it long: 17,000 rows take tens of
 * milliseconds. So one look serves all that wait, and looks take at most a tenth of the time, or a 64th of a look per
 * request.
 */
export function connectionOwners(
  port: number,
  clock: Pick<Clock, "monotonic" | "sleep">,
  isTrusted: (uid: number) => boolean = trustedUsers(),
): ((socket: Ends) => Promise<ConnectionOwner>) | undefined {
  if (process.platform !== "linux" || !tables.some((table) => isListed(table, port))) return undefined;
  let waiting: { socket: Ends; tell: (owner: ConnectionOwner) => void }[] = [];
  let restUntil = Number.NEGATIVE_INFINITY;
  const look = (): void => {
    const start = clock.monotonic();
    // A list that changes during the read can miss a row.
    for (const table of [...tables, ...tables, ...tables]) {
      if (waiting.length === 0) break;
      for (const rows of connectionsOn(table, port)) {
        waiting = waiting.filter(({ socket, tell }) => {
          const owner = ownerOf(socket, rows, isTrusted);
          if (owner !== undefined) tell(owner);
          return owner === undefined;
        });
        if (waiting.length === 0) break;
      }
    }
    for (const { tell } of waiting) tell(missingOwner());
    waiting = [];
    const end = clock.monotonic();
    // Looks are slow on a busy machine, and a browser waits.
    restUntil = end + Math.min(9 * (end - start), maxRestMs);
  };
  return (socket) =>
    new Promise((tell) => {
      waiting.push({ socket, tell });
      const rest = restUntil - clock.monotonic();
      if (rest <= 0 || waiting.length >= batch) look();
      else if (waiting.length === 1) void clock.sleep(rest, { background: true }).then(look);
    });
}

/** Port forwarders into containers are often root's. */
function trustedUsers(): (uid: number) => boolean {
  const me = process.geteuid?.();
  const user = me === 0 ? userBehindRoot() : me;
  return (uid) => uid === 0 || uid === user;
}

function ownerOf(
  socket: Ends,
  rows: readonly Connection[],
  isTrusted: (uid: number) => boolean,
): ConnectionOwner | undefined {
  if (socket.remoteAddress === undefined) return "foreign";
  const there = endpoints(socket.remoteAddress, socket.remotePort);
  const here = endpoints(socket.localAddress, socket.localPort);
  const peer = rows.find(({ local, remote }) => there.includes(local) && here.includes(remote));
  // A closed socket counts as root's: only an open one has an owner.
  return peer && (peer.isOpen && isTrusted(peer.uid) ? "own" : "foreign");
}

/** Both ends of a loopback connection are listed, except where Windows forwards its own to WSL. */
function missingOwner(): ConnectionOwner {
  return /microsoft/i.test(textOf("/proc/sys/kernel/osrelease")) ? "unknown" : "foreign";
}

interface Connection {
  readonly local: string;
  readonly remote: string;
  readonly isOpen: boolean;
  readonly isListening: boolean;
  readonly uid: number;
}

function isListed(table: string, port: number): boolean {
  for (const rows of connectionsOn(table, port)) if (rows.some(({ isListening }) => isListening)) return true;
  return false;
}

/**
 * The rows with the port at either end: the others may be many. Piece by piece: the kernel writes a row when it is read,
 * those of listening ports first.
 */
function* connectionsOn(table: string, port: number): Generator<Connection[]> {
  const row = new RegExp(`^ *\\d+: (?:\\S+ )?\\S+:${hex(port, 4)} .*`, "gm");
  for (const lines of linesOf(table)) {
    const rows = [...lines.matchAll(row)].map(([text]) => {
      const [, local = "", remote = "", state, , , , uid] = text.trim().split(/\s+/);
      return { local, remote, isOpen: state === "01", isListening: state === "0A", uid: Number(uid) };
    });
    if (rows.length > 0) yield rows;
  }
}

/** Some at a time. None on other systems, and where it is hidden or unreadable. */
function* linesOf(path: string): Generator<string> {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    const piece = Buffer.alloc(65_536);
    let text = "";
    for (let size = readSync(file, piece); size > 0; size = readSync(file, piece)) {
      text += piece.toString("latin1", 0, size);
      const end = text.lastIndexOf("\n") + 1;
      yield text.slice(0, end);
      text = text.slice(end);
    }
  } catch {
    return;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** Empty on other systems, and where it is hidden or unreadable. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

/** As the kernel writes them: words of four bytes in the machine's order; IPv4 also within IPv6. */
function endpoints(address = "", port = 0): string[] {
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
