import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { peekBody } from "../../src/http/peek.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { ManualClock } from "../helpers/manual-clock.ts";

/** In chunks; reports its cancellation. */
function bodyOf(
  chunks: readonly string[],
  end: "close" | "stall" | "fail" = "close",
): { body: ReadableStream<Uint8Array>; cancelled: () => boolean } {
  let at = 0;
  let isCancelled = false;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const chunk = chunks[at++];
      if (chunk !== undefined) return controller.enqueue(new TextEncoder().encode(chunk));
      if (end === "close") return controller.close();
      if (end === "fail") return controller.error(new Error("connection lost"));
      return new Promise(() => undefined);
    },
    cancel: () => void (isCancelled = true),
  });
  return { body, cancelled: () => isCancelled };
}

test("the whole body is still there after a look at its beginning", async () => {
  const { head, response } = await peekBody(
    new Response(bodyOf(["one ", "two"]).body, { status: 401, headers: { "x-id": "7" } }),
    systemClock,
  );
  assert.equal(Buffer.from(head).toString(), "one two");
  assert.deepEqual([response.status, response.headers.get("x-id"), await response.text()], [401, "7", "one two"]);
});

test("S-014 no more than the limit and one chunk of a large body is read", async () => {
  const { body, cancelled } = bodyOf(Array<string>(1000).fill("x".repeat(1000)));
  const { head, response } = await peekBody(new Response(body), systemClock);
  assert.equal(head.length, 66_000);
  await response.body?.cancel();
  assert.equal(cancelled(), true);
});

test("S-014 a body of which nothing comes is waited for until the limit, 5 s, and can still be read afterwards", async () => {
  const clock = new ManualClock();
  const before = clock.monotonic();
  const { head, response } = await peekBody(new Response(bodyOf(["beginning"], "stall").body), clock);
  assert.equal(clock.monotonic() - before, 5_000);
  assert.equal(Buffer.from(head).toString(), "beginning");
  const reader = response.body?.getReader();
  assert.equal(Buffer.from((await reader?.read())?.value ?? []).toString(), "beginning");
  await reader?.cancel();
});

test("a connection that is lost during the look is an error for the next reader", async () => {
  const { head, response } = await peekBody(new Response(bodyOf(["beginning"], "fail").body), systemClock);
  assert.equal(Buffer.from(head).toString(), "beginning");
  await assert.rejects(response.text(), /connection lost/);
});

test("S-014 a connection that is lost after the look, before the rest is read, does not end the program", async (t) => {
  const rejections: unknown[] = [];
  const note = (reason: unknown): void => void rejections.push(reason);
  process.on("unhandledRejection", note);
  t.after(() => process.off("unhandledRejection", note));
  let fail = (): void => undefined;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(new Uint8Array(70_000));
      fail = () => controller.error(new Error("connection lost"));
    },
  });
  const { response } = await peekBody(new Response(body), systemClock);
  fail();
  // Unhandled rejections are reported when the microtasks are done.
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(rejections, []);
  await assert.rejects(response.text(), /connection lost/);
});

test("a response keeps its URL and whether it was redirected", async (t) => {
  const server = createServer((request, response) =>
    (request.url === "/from" ? response.writeHead(302, { location: "/to" }) : response.writeHead(401)).end("no"),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const { port } = server.address() as { port: number };
  const { response } = await peekBody(await fetch(`http://127.0.0.1:${port}/from`), systemClock);
  assert.deepEqual([response.url, response.redirected, response.status], [`http://127.0.0.1:${port}/to`, true, 401]);
});
