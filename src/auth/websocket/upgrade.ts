import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { messageMeter } from "./message-meter.ts";

/** What Node reports about an upgrade and a WebSocket does not. */
interface Upgrade {
  /** HTTP status; 0 without a response. */
  status(): number;
  /** If the request offered no compression, the service must not use it. */
  isPlain(): boolean;
  /**
   * Breaks the connection when a message is longer, or when the service leaves that many bytes unread. `exceeded` gets
   * the end of the sentence about the service. Call this right after the connection opens.
   */
  limit(bytes: number, exceeded: (what: string) => void): void;
  /** Lets the process exit while the connection is open. */
  release(): void;
  end(): void;
}

interface Connection {
  unref?: () => unknown;
  destroy?: () => unknown;
  prependListener?: (event: "data", listener: (chunk: Uint8Array) => void) => unknown;
  readonly writableLength?: number;
}

interface UpgradeMessage {
  request?: { headers?: unknown };
  response?: { statusCode?: unknown };
  socket?: Connection;
}

/**
 * A WebSocket hides whether it was refused or could not connect (or web pages could scan networks), and has no limit
 * for messages; but Node publishes response and connection on diagnostics channels. Elsewhere a refusal looks like a
 * failed connection, and messages are limited only when complete.
 *
 * @param authorization - holds a one-time ticket, so it identifies the request
 */
export function watchUpgrade(authorization: string): Upgrade {
  let status = 0;
  let isPlain = false;
  let connection: Connection | undefined;
  const listen = (message: unknown): void => {
    const { request, response, socket } = message as UpgradeMessage;
    const { headers } = request ?? {};
    const isOurs = Array.isArray(headers)
      ? headers.includes(authorization)
      : typeof headers === "string" && headers.includes(authorization);
    if (!isOurs) return;
    if (typeof response?.statusCode === "number") status = response.statusCode;
    connection ??= socket;
    isPlain ||= withoutCompression(headers);
  };
  for (const channel of channels) subscribe(channel, listen);
  return {
    status: () => status,
    isPlain: () => isPlain,
    limit(bytes, exceeded) {
      const breakOff = (what: string): void => {
        connection?.destroy?.();
        exceeded(what);
      };
      const count = messageMeter(bytes, () => breakOff(`sent a message of more than ${bytes / 1024 / 1024} MiB`));
      // Before the WebSocket: exceeding a limit of its own looks like a lost connection.
      connection?.prependListener?.("data", (chunk) => {
        if ((connection?.writableLength ?? 0) > bytes) breakOff("does not read its messages");
        else count(chunk);
      });
    },
    release: () => void connection?.unref?.(),
    end: () => channels.forEach((channel) => unsubscribe(channel, listen)),
  };
}

const channels = ["undici:request:create", "undici:client:sendHeaders", "undici:request:headers"];

/**
 * A few kilobytes could become gigabytes before anything here sees them (RFC 7692 §8).
 *
 * @returns whether the unsent request offered compression
 */
function withoutCompression(headers: unknown): boolean {
  if (!Array.isArray(headers)) return false;
  const at = headers.findIndex(
    (name, index) => index % 2 === 0 && String(name).toLowerCase() === "sec-websocket-extensions",
  );
  if (at >= 0) headers.splice(at, 2);
  return at >= 0;
}
