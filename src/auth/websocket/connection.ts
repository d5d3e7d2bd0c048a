import type * as runtime from "../../base/runtime-types.ts";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { AuthError, ServiceError } from "../../base/errors.ts";
import { hint, login } from "../../base/hint.ts";
import type { Clock } from "../../platform/clock.ts";
import type { WebSocketTicket } from "./ticket.ts";

/** The part of a WebSocket that is used: the runtime's own, or a compatible one. */
export interface Socket {
  binaryType: string;
  addEventListener(type: "open" | "error" | "close", listener: () => void): void;
  addEventListener(type: "message", listener: (event: { data: unknown }) => void): void;
  send(text: string): void;
  close(): void;
}

/** A `WebSocket` that takes headers for the upgrade: Node's does, beyond the standard. */
export type SocketConstructor = new (url: string | runtime.URL, options: { headers: Record<string, string> }) => Socket;

/** Options of {@link holdConnection}. @internal */
export interface ConnectionOptions {
  clock: Clock;
  /** `globalThis.WebSocket`, which Node 20 has only when started with a flag. */
  WebSocket: SocketConstructor | undefined;
  /** Called when the connection is open, before anything is received. */
  onOpen: (socket: Socket) => void;
  /** Called with everything that is received. */
  onMessage: (data: unknown, socket: Socket) => void;
  /** Closes the connection. */
  signal: AbortSignal;
  /** Calls `open`, perhaps with a proxy in place for it; calls it at once by default. */
  through?: (url: URL, open: () => Socket) => Promise<Socket>;
}

const handshakeMs = 10_000;

/**
 * Opens a connection with a ticket in the header of the upgrade (RFC 6455 §4.1), never in the address, and holds it.
 *
 * @returns when the open connection has closed, or the signal has aborted
 * @throws {@link AuthError} `configuration_invalid` where the runtime has no WebSocket; {@link ServiceError} with the `status` of
 * the answer to the upgrade: `access_denied` for 401 and 403, `service_unavailable` for others, `network_unavailable` with
 * status 0 when there was no answer within 10 seconds
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
        onOpen(socket);
      });
      socket.addEventListener("message", ({ data }) => onMessage(data, socket));
      socket.addEventListener("close", end);
      // Before Node 24, a handshake that failed fires `error` and nothing more.
      socket.addEventListener("error", end);
      onAbort = () => {
        socket.close();
        // The close frame is on its way; a service that never answers it must not keep the process running.
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

/** What Node reports about an upgrade and a WebSocket does not. */
interface Upgrade {
  /** HTTP status of the answer; 0 while there is none. */
  status(): number;
  /** Lets the process exit while the connection is still open. */
  release(): void;
  /** Stops listening. */
  end(): void;
}

/** The part of a message on undici's diagnostics channels that is used. */
interface UpgradeMessage {
  request?: { headers?: unknown };
  response?: { statusCode?: unknown };
  socket?: { unref?: () => unknown };
}

/**
 * Finds out how an upgrade was answered, and on which connection. A WebSocket does not say whether it was refused or could not
 * connect (so that web pages cannot scan networks with it), but Node publishes both on diagnostics channels. Where it does not,
 * the status stays unknown, and a refusal looks like a failed connection.
 */
function watchUpgrade(authorization: string): Upgrade {
  let status = 0;
  let connection: { unref?: () => unknown } | undefined;
  const listen = (message: unknown): void => {
    const { request, response, socket } = message as UpgradeMessage;
    const { headers } = request ?? {};
    // The ticket is used once, so it identifies the request.
    const isOurs = Array.isArray(headers) ? headers.includes(authorization) : typeof headers === "string" && headers.includes(authorization);
    if (!isOurs) return;
    if (typeof response?.statusCode === "number") status = response.statusCode;
    connection ??= socket;
  };
  for (const channel of channels) subscribe(channel, listen);
  return {
    status: () => status,
    release: () => void connection?.unref?.(),
    end: () => channels.forEach((channel) => unsubscribe(channel, listen)),
  };
}

const channels = ["undici:client:sendHeaders", "undici:request:headers"];

function refused(url: URL, status: number): ServiceError {
  const where = `"${url.origin}${url.pathname}"`;
  const batches = hint`Events are still sent in batches: ${{ command: "sync now" }}`;
  if (status === 0) return new ServiceError("network_unavailable", `cannot open a connection to ${where}`, { hint: batches });
  if (status === 401 || status === 403) {
    return new ServiceError("access_denied", `${where} answered ${status} to a fresh ticket`, {
      status,
      hint: hint`Try again. If it happens again, log in again: ${login(undefined, "--force")}`,
    });
  }
  return new ServiceError("service_unavailable", `${where} answered ${status} to the upgrade to a WebSocket`, { status, hint: batches });
}

function noWebSocket(): AuthError {
  return new AuthError("configuration_invalid", `Node.js ${process.versions.node} has no WebSocket`, {
    hint: "Start it with --experimental-websocket, as in NODE_OPTIONS=--experimental-websocket, or use Node.js 22 or later",
  });
}
