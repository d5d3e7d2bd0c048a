import { queueFolder } from "./account.ts";
import { accountInUse, fetchAs } from "./account-requests.ts";
import type { App } from "./app.ts";
import { tokensOfAccount } from "../auth/account-tokens.ts";
import type { SocketConstructor } from "../auth/websocket/connection.ts";
import { webSocketTicket } from "../auth/websocket/ticket.ts";
import { openThroughProxy } from "../platform/proxy.ts";
import { createLamportClock } from "../sync/lamport-clock.ts";
import { liveClient, type LiveClient } from "../sync/live-client.ts";
import type { LiveMessage } from "../sync/live-message.ts";

/** Options of {@link createLiveClient}. */
export interface LiveOptions {
  onMessage?: (message: LiveMessage) => void;
  /**
   * By default the runtime's, which Node.js 20 has with `--experimental-websocket`. It must accept headers, and limit
   * message sizes itself.
   */
  WebSocket?: SocketConstructor;
}

/** Undefined on a Node that has it only behind a flag. @internal */
export function runtimeWebSocket(): SocketConstructor | undefined {
  return (globalThis as { WebSocket?: unknown }).WebSocket as SocketConstructor | undefined;
}

/** Through the proxy where there is one. @internal */
export function liveClientOf(app: App, options: LiveOptions = {}): LiveClient {
  const observe = lamportObserver(app);
  return liveClient({
    WebSocket: runtimeWebSocket(),
    ...options,
    onMessage(message) {
      if (message.kind === "event") observe(message.event["lamport_clock"]);
      options.onMessage?.(message);
    },
    clock: app.clock,
    through: (url, open) => openThroughProxy(url, app.env, open),
    ticket: (team, signal, account) =>
      webSocketTicket(team, { tokens: tokensOfAccount(app.tokens(), account), fetch: fetchAs(app, account), signal }),
    account: (signal) => accountInUse(app, signal),
  });
}

/** One write for all events that arrive meanwhile. */
function lamportObserver(app: App): (seen: unknown) => void {
  const lamport = createLamportClock(queueFolder(app), app.clock);
  let highest = 0;
  let writing: Promise<void> | undefined;
  const write = async (): Promise<void> => {
    for (let written = 0; written < highest; ) {
      written = highest;
      // A full disk must not end the connection: the next event tries again.
      await lamport.observe(written).catch(() => undefined);
    }
    writing = undefined;
  };
  return (seen) => {
    if (typeof seen !== "number" || seen <= highest) return;
    highest = seen;
    writing ??= write();
  };
}
