import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { readJsonObject, send } from "../../src/http/request.ts";
import { systemClock } from "../../src/platform/clock.ts";

test("a signal that ends a request ends it with its own reason, also while the response's body is read", async (t) => {
  const server = createServer((_, response) => void response.write("{")).listen(0, "127.0.0.1");
  t.after(() => server.close().closeAllConnections());
  await once(server, "listening");
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const reason = new Error("the user has changed their mind");
  const stop = new AbortController();
  const response = await send(address, { method: "GET" }, { fetch, clock: systemClock, signal: stop.signal });
  const reading = readJsonObject(response);
  stop.abort(reason);
  await assert.rejects(reading, (error) => error === reason);
});
