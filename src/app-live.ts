import type { App } from "./app.ts";
import { accountInUse } from "./app-sync.ts";
import type { SocketConstructor } from "./auth/websocket/connection.ts";
import { webSocketTicket } from "./auth/websocket/ticket.ts";
import { openThroughProxy } from "./platform/proxy.ts";
import { LiveClient, type LiveMessage } from "./sync/client.ts";

/** The runtime's own WebSocket; undefined on a Node that has it only when started with a flag. */
export function runtimeWebSocket(): SocketConstructor | undefined {
  return (globalThis as { WebSocket?: unknown }).WebSocket as SocketConstructor | undefined;
}

/**
 * The live connection of an app: a ticket from the authorized fetch for each connection, through the proxy where there is one.
 *
 * @param app - from `createApp`
 * @param options - `onMessage` is told of everything that arrives; `WebSocket` instead of the runtime's own
 */
export function createLive(app: App, options: { onMessage?: (message: LiveMessage) => void; WebSocket?: SocketConstructor | undefined } = {}): LiveClient {
  return new LiveClient({
    WebSocket: runtimeWebSocket(),
    ...options,
    clock: app.clock,
    through: (url, open) => openThroughProxy(url, app.env, open),
    ticket: (team, signal) => webSocketTicket(team, { tokens: app.tokens(), fetch: app.authorizedFetch, signal }),
    account: () => accountInUse(app),
  });
}
