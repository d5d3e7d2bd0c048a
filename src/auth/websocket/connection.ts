import type * as runtime from "../../base/runtime-types.ts";
import { shownAddress } from "../../base/address.ts";
import { AuthError, ServiceError, hint, login } from "../../base/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import type { WebSocketTicket } from "./ticket.ts";
import { watchUpgrade } from "./upgrade.ts";

/** The used part of the runtime's `WebSocket`, or a compatible one. */
export interface Socket {
  binaryType: string;
  /** Such as `permessage-deflate`. */
  readonly extensions?: string;
  addEventListener(type: "open" | "error" | "close", listener: () => void): void;
  addEventListener(type: "message", listener: (event: { data: unknown }) => void): void;
  send(text: string): void;
  close(): void;
}

/** With headers for the upgrade: Node's, beyond the standard. */
export type SocketConstructor = new (url: string | runtime.URL, options: { headers: Record<string, string> }) => Socket;

/** @internal */
export interface ConnectionOptions {
  clock: Clock;
  /** Node 20 has `globalThis.WebSocket` only behind a flag. */
  WebSocket: SocketConstructor | undefined;
  onOpen: (socket: Socket) => void;
  onMessage: (data: unknown, socket: Socket) => void;
  signal: AbortSignal;
  /** Calls `open`, perhaps with a proxy set; directly by default. */
  through?: (url: URL, open: () => Socket) => Promise<Socket>;
}

const handshakeMs = 10_000;
/** In bytes on the wire. A snapshot of all work packages is far smaller. */
const longestMessage = 16 * 1024 * 1024;

/**
 * Opens and holds a connection with a ticket in the header of the upgrade (RFC 6455 §4.1), never in the URL.
 *
 * @returns when the connection has closed, or the signal has aborted
 * @internal
 */
export async function holdConnection({ url, ticket }: WebSocketTicket, options: ConnectionOptions): Promise<void> {
  const { clock, WebSocket, onOpen, onMessage, signal, through = async (_, open) => open() } = options;
  if (WebSocket === undefined) throw noWebSocket();
  const authorization = `Bearer ${ticket.reveal()}`;
  const upgrade = watchUpgrade(authorization);
  let onAbort = (): void => undefined;
  try {
    const socket = await through(url, () => new WebSocket(url, { headers: { authorization } }));
    socket.binaryType = "arraybuffer";
    await new Promise<void>((resolve, reject) => {
      let isOpen = false;
      const end = (): void => (isOpen ? resolve() : reject(refused(url, upgrade.status())));
      socket.addEventListener("open", () => {
        isOpen = true;
        upgrade.end();
        upgrade.limit(longestMessage, (what) => reject(unusable(url, what)));
        if (upgrade.isPlain() && socket.extensions) {
          reject(unusable(url, "uses compression that was not offered"));
          return socket.close();
        }
        onOpen(socket);
      });
      socket.addEventListener("message", ({ data }) => onMessage(data, socket));
      socket.addEventListener("close", end);
      // Before Node 24, a failed handshake fires only `error`.
      socket.addEventListener("error", end);
      onAbort = () => {
        socket.close();
        // A service that ignores the close frame must not keep the process running.
        upgrade.release();
        resolve();
      };
      if (signal.aborted) return onAbort();
      signal.addEventListener("abort", onAbort);
      clock.timeout(handshakeMs).addEventListener("abort", () => {
        if (isOpen) return;
        end();
        socket.close();
      });
    });
  } finally {
    signal.removeEventListener("abort", onAbort);
    upgrade.end();
  }
}

function refused(url: URL, status: number): ServiceError {
  const where = shownAddress(url);
  const batches = hint`Try again, or send the events in batches: ${{ command: "sync now" }}`;
  if (status === 0)
    return new ServiceError("network_unavailable", `cannot open a connection to ${where}`, { hint: batches });
  if (status === 401 || status === 403) {
    return new ServiceError("access_denied", `${where} rejected a new ticket with ${status}`, {
      status,
      hint: hint`Try again. If it happens again, log in again: ${login(undefined, "--force")}`,
    });
  }
  return new ServiceError("service_unavailable", `${where} returned ${status} to the WebSocket upgrade`, {
    status,
    hint: batches,
  });
}

function unusable(url: URL, what: string): ServiceError {
  return new ServiceError("service_answer_invalid", `${shownAddress(url)} ${what}`, {
    hint: "Report this to the operator of the service",
  });
}

function noWebSocket(): AuthError {
  return new AuthError("configuration_invalid", `Node.js ${process.versions.node} has no WebSocket`, {
    hint: "Set NODE_OPTIONS=--experimental-websocket, or use Node.js 22 or later",
  });
}
