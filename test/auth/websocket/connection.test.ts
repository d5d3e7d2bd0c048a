import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { test } from "node:test";
import { holdConnection } from "../../../src/auth/websocket/connection.ts";
import { Secret } from "../../../src/base/secret.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { withWebSocket } from "../../helpers/web-socket.ts";

withWebSocket(import.meta.url, (WebSocket) => {
  test("S-014 what a service does not read of the responses to its pings is limited", async (t) => {
    const server = createServer();
    const streams: Duplex[] = [];
    server.on("upgrade", (request, stream: Duplex) => {
      streams.push(stream.on("error", () => undefined));
      const accept = createHash("sha1")
        .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
        .digest("base64");
      stream.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
      );
      stream.pause();
      const ping = Buffer.concat([Buffer.from([0x89, 125]), Buffer.alloc(125)]);
      const pings = Buffer.concat(Array.from({ length: 4_000 }, () => ping));
      const flood = (): void => {
        while (!stream.destroyed && stream.write(pings));
      };
      stream.on("drain", flood);
      flood();
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => {
      for (const stream of streams) stream.destroy();
      server.close();
    });
    const url = new URL(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/ws`);
    const ended = new AbortController();
    t.after(() => ended.abort());
    const held = holdConnection(
      { url, ticket: new Secret("wt_1") },
      { clock: systemClock, WebSocket, onOpen: () => undefined, onMessage: () => undefined, signal: ended.signal },
    );
    await assert.rejects(held, {
      code: "service_answer_invalid",
      message: `"${url.href}" does not read its messages`,
    });
  });
});
