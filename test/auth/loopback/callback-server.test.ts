import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { connect } from "node:net";
import { test } from "node:test";
import { typescript } from "../../helpers/command.ts";
import { ask, browse, listen, manualClock, open, portClosed, portOf, query, state } from "./listener.ts";
import type { AuthError } from "../../../src/base/errors.ts";
import { hintOf } from "../../helpers/hint.ts";

test("the redirect URI has the literal loopback IP address, or localhost on request", async () => {
  const literal = await listen();
  assert.match(literal.redirectUri, /^http:\/\/127\.0\.0\.1:\d+\/callback$/);
  const named = await listen({ redirectHost: "localhost" });
  assert.match(named.redirectUri, /^http:\/\/localhost:\d+\/callback$/);
  await Promise.all([literal.close(), named.close()]);
});

test("it listens on the loopback IP address only, and responds for one host only", async () => {
  const listener = await listen({ redirectHost: "localhost" });
  const port = portOf(listener);
  assert.equal((await ask(`http://127.0.0.1:${port}/callback${query}`)).status, 421);
  // On Linux 127.0.0.2 is this machine too, where a server on all addresses would respond; elsewhere it is unreachable.
  const reached = await new Promise<boolean>((resolve) => {
    const socket = connect({ host: "127.0.0.2", port, timeout: 500 }, () => resolve(true));
    for (const event of ["error", "timeout"]) socket.once(event, () => resolve(false));
    socket.once("close", () => resolve(false)).unref();
  });
  assert.equal(reached, false);
  await listener.close();
});

test("with localhost the browser may come over IPv4 or IPv6", async (t) => {
  for (const address of ["127.0.0.1", "[::1]"]) {
    const listener = await listen({ redirectHost: "localhost" });
    const headers = { host: new URL(listener.redirectUri).host };
    const held = ask(`http://${address}:${portOf(listener)}/callback${query}`, { headers }).catch(
      (error: unknown) => error,
    );
    const first = await Promise.race([listener.callback, held]);
    if (address === "[::1]" && first instanceof Error) t.diagnostic("no IPv6 here");
    else assert.equal("kind" in Object(first) && Object(first).kind, "code");
    await listener.close();
    await held;
  }
});

test("the browser that brings the response waits for the outcome, and its URL then holds neither code nor state", async () => {
  for (const [outcome, status, text] of [
    [{ kind: "success", account: "alice@example.com" }, 200, /close this window and return to the terminal/],
    [{ kind: "denied", said: "not today" }, 403, /not today/],
    [{ kind: "failed", reason: "the exchange failed" }, 500, /the exchange failed/],
  ] as const) {
    const listener = await listen();
    let answered = false;
    const browser = browse(`${listener.redirectUri}${query}`).finally(() => (answered = true));
    await listener.callback;
    assert.equal(
      (await ask(new URL("/done", listener.redirectUri).href)).status,
      404,
      "there is no outcome to see yet",
    );
    assert.equal(answered, false);
    const finished = listener.finish(outcome);
    const page = await browser;
    assert.equal(page.status, status);
    assert.match(page.shown, /:\d+\/done\/[\w-]{22}$/);
    assert.match(page.body, text);
    await finished;
    await portClosed();
  }
});

test("an error with the right state is the response", async () => {
  const listener = await listen();
  const browser = browse(`${listener.redirectUri}?error=access_denied&error_description=no&state=${state}`);
  assert.deepEqual(await listener.callback, { kind: "error", error: "access_denied", description: "no" });
  await Promise.all([listener.finish({ kind: "denied" }), browser]);
});

test("the wait for a browser that never fetches the outcome ends after the given time", async () => {
  const clock = manualClock();
  const listener = await listen({ clock });
  const held = ask(`${listener.redirectUri}${query}`);
  await listener.callback;
  const finished = listener.finish({ kind: "success", account: "alice@example.com" }, { lingerMs: 2_000 });
  assert.equal((await held).status, 303);
  clock.advance(1_999);
  assert.equal((await ask(listener.redirectUri)).status, 303, "it still listens");
  clock.advance(1);
  await finished;
  await portClosed();
});

test("after the timeout, late browsers see that for a while", async () => {
  const clock = manualClock();
  const listener = await listen({ clock });
  listener.callback.catch(() => undefined);
  const finished = listener.finish({ kind: "expired" }, { lingerMs: 10_000 });
  for (const late of [1, 2]) {
    const page = await browse(`${listener.redirectUri}${query}`);
    assert.equal(page.status, 410, `browser ${late}`);
    assert.match(page.shown, /:\d+\/done\/[\w-]{22}$/);
    assert.match(page.body, /has timed out/);
  }
  assert.equal((await browse(`${listener.redirectUri}?code=c&state=wrong`)).status, 400);
  clock.advance(10_000);
  await finished;
  await assert.rejects(listener.callback, { code: "interrupted" }, "a late code is not taken");
  await portClosed();
});

test("with no browser waiting, the listener closes at once", async () => {
  const listener = await listen();
  listener.accept(`${listener.redirectUri}${query}`);
  await listener.finish({ kind: "success", account: "alice@example.com" });
  await portClosed();
});

test("a pasted redirect URL works like the redirect itself", async () => {
  const listener = await listen();
  listener.accept(`  ${listener.redirectUri}${query}\r\n`);
  const answer = await listener.callback;
  assert.equal(answer.kind === "code" && answer.code.reveal(), "c0de");
  assert.equal((await browse(`${listener.redirectUri}${query}`)).status, 409, "the browser comes second");
  await listener.close();
});

test("a pasted URL that is not the response is refused without being quoted, and the login still waits", async () => {
  const listener = await listen();
  const port = portOf(listener);
  for (const [pasted, why] of [
    ["", /not a URL/],
    ["c0de", /not a URL/],
    [`http://127.0.0.1:${port}/${query}`, /does not begin with/],
    [`http://127.0.0.1:${port}/callback/${query}`, /does not begin with/],
    [`http://127.0.0.1:1/callback${query}`, /does not begin with/],
    [`https://127.0.0.1:${port}/callback${query}`, /does not begin with/],
    [`http://localhost:${port}/callback${query}`, /does not begin with/],
    [`${listener.redirectUri}?code=c0de`, /state missing/],
    [`${listener.redirectUri}?code=c0de&state=wrong`, /state wrong/],
    [`${listener.redirectUri}?error=access_denied`, /state missing/],
    [`${listener.redirectUri}${query}&code=c0de`, /parameter repeated/],
  ] as const) {
    assert.throws(
      () => listener.accept(pasted),
      (error: AuthError) => {
        assert.equal(error.code, "usage_invalid");
        assert.match(error.message, why);
        assert.match(hintOf(error), /Paste the whole URL/);
        assert.doesNotMatch(error.message + String(error.cause), /c0de|sssss/);
        return true;
      },
    );
  }
  listener.accept(`${listener.redirectUri}${query}`);
  assert.equal((await listener.callback).kind, "code");
  assert.throws(() => listener.accept(`${listener.redirectUri}${query}`), { code: "usage_invalid" });
  await listener.close();
});

test("closing while the login waits rejects the wait and frees the port, and closing again is harmless", async () => {
  const listener = await listen();
  const silent = await open(portOf(listener));
  const cut = new Promise((resolve) => silent.resume().once("close", resolve));
  const waiting = assert.rejects(listener.callback, { name: "AuthError", code: "interrupted" });
  await Promise.all([listener.close(), listener.close(), waiting, cut]);
  await listener.close();
  await portClosed();
});

test("closing while a browser waits for the outcome cuts it off, and a later outcome changes nothing", async () => {
  const listener = await listen();
  const browser = assert.rejects(ask(`${listener.redirectUri}${query}`));
  assert.equal((await listener.callback).kind, "code");
  await listener.close();
  await listener.finish({ kind: "success", account: "alice@example.com" });
  await listener.finish({ kind: "expired" });
  await browser;
  assert.throws(() => listener.accept(`${listener.redirectUri}${query}`), { code: "usage_invalid" });
});

test("only the first outcome counts", async () => {
  const listener = await listen();
  const browser = browse(`${listener.redirectUri}${query}`);
  await listener.callback;
  const finished = [
    listener.finish({ kind: "success", account: "alice@example.com" }),
    listener.finish({ kind: "expired" }),
  ];
  assert.equal((await browser).status, 200);
  await Promise.all(finished);
});

const program = (end: string): string => `
  import { listenForCallback } from "./src/auth/loopback/callback-server.ts";
  import { ownIdentity } from "./src/base/identity.ts";
  import { systemClock } from "./src/platform/clock.ts";
  import { connect } from "node:net";
  const judge = (params) => params.get("state") === "s" ? { kind: "code" } : { kind: "unrelated", reason: "state wrong" };
  const listener = await listenForCallback({ judge, clock: systemClock, owner: { identity: ownIdentity, issuer: "login.example" }, path: "/callback" });
  for (let i = 0; i < 3; i++) connect(Number(new URL(listener.redirectUri).port), "127.0.0.1").on("error", () => {}).unref();
  ${end}
  console.log("drained");
`;

for (const [title, end] of [
  [
    "an outcome",
    `const browser = fetch(listener.redirectUri + "?state=s"); await listener.callback;
    const finished = listener.finish({ kind: "success", account: "a" }); await (await browser).text(); await finished;`,
  ],
  ["a pasted answer", `listener.accept(listener.redirectUri + "?state=s"); await listener.finish({ kind: "failed" });`],
  ["an expired login", `await listener.finish({ kind: "expired" }, { lingerMs: 10 });`],
  ["an interrupted login", `await listener.close();`],
] as const) {
  test(`after ${title} the process can exit and no rejection is left unhandled`, async () => {
    const args = [...typescript, "--input-type=module", "--eval", program(end)];
    const child = spawn(process.execPath, args, {
      cwd: new URL("../../..", import.meta.url),
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (part: Buffer) => (output += part.toString()));
    const status = await new Promise((resolve) => child.once("close", resolve));
    assert.deepEqual([status, output], [0, "drained\n"]);
  });
}
