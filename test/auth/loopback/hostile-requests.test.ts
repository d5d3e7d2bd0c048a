import assert from "node:assert/strict";
import { test } from "node:test";
import type { CallbackListener } from "../../../src/auth/loopback/callback-server.ts";
import { ask, browse, heard, listen, open, portOf, query, state } from "./listener.ts";

/** A request to the port during a login, and the response to it. */
interface Attack {
  title: string;
  run: (listener: CallbackListener, base: string) => Promise<void>;
}

const crlf = "\r\n";
const wrongState = { status: 400, shown: "/not-this-login" };

async function refusedWith(status: number, url: string, options: Parameters<typeof ask>[1] = {}): Promise<void> {
  const answer = await ask(url, options);
  assert.equal(answer.status, status);
  assert.equal(answer.headers["connection"], "close");
  if (status === 405) assert.equal(answer.headers["allow"], "GET");
  assert.equal(answer.headers["access-control-allow-origin"], undefined);
}

async function shownAsUnrelated(url: string): Promise<void> {
  const { status, shown, body } = await browse(url);
  assert.deepEqual({ status, shown: new URL(shown).pathname }, wrongState);
  assert.equal(new URL(shown).search, "");
  assert.match(body, /This is not the login in progress/);
}

const attacks: Attack[] = [
  {
    title: "a wrong Host is refused, even with the right state",
    run: async (_, base) => {
      for (const host of [
        "evil.example",
        "localhost",
        "127.0.0.1",
        `evil.example:${new URL(base).port}`,
        "127.0.0.1:1",
        "[::1]",
      ]) {
        await refusedWith(421, `${base}/callback${query}`, { headers: { host } });
      }
    },
  },
  {
    title: "a request without Host is refused",
    run: async (listener) => {
      const answer = await heard(await open(portOf(listener), `GET /callback${query} HTTP/1.1${crlf}${crlf}`));
      assert.match(answer, /^HTTP\/1\.1 400 /);
    },
  },
  {
    title: "a foreign Origin is refused, even with the right state",
    run: async (_, base) => {
      for (const origin of ["https://evil.example", "null", "http://127.0.0.1:1", `${base}.evil.example`]) {
        await refusedWith(403, `${base}/callback${query}`, { headers: { origin } });
      }
    },
  },
  ...["POST", "HEAD", "OPTIONS", "PUT", "DELETE"].map((method) => ({
    title: `${method} is refused with 405 and Allow, even with the right state`,
    run: (_: CallbackListener, base: string) => refusedWith(405, `${base}/callback${query}`, { method }),
  })),
  { title: "/favicon.ico is not found", run: (_, base) => refusedWith(404, `${base}/favicon.ico${query}`) },
  {
    title: "/callback/ and other near misses of the path are not found, even with the right state",
    run: async (listener, base) => {
      for (const path of [
        "/callback/",
        "/",
        "/Callback",
        "/callback/x",
        "/x/../callback",
        "//callback",
        "/%63allback",
      ]) {
        const said = `GET ${path}${query} HTTP/1.1${crlf}Host: ${new URL(base).host}${crlf}${crlf}`;
        assert.match(await heard(await open(portOf(listener), said)), /^HTTP\/1\.1 404 /, path);
      }
    },
  },
  { title: "a code without state is ignored", run: (_, base) => shownAsUnrelated(`${base}/callback?code=evil`) },
  {
    title: "an error without state is ignored",
    run: (_, base) => shownAsUnrelated(`${base}/callback?error=access_denied`),
  },
  {
    title: "a wrong state is ignored, with a code or with an error",
    run: async (_, base) => {
      await shownAsUnrelated(`${base}/callback?code=evil&state=${"x".repeat(43)}`);
      await shownAsUnrelated(`${base}/callback?error=access_denied&state=${state}x`);
    },
  },
  {
    title: "duplicated parameters are ignored",
    run: async (_, base) => {
      await shownAsUnrelated(`${base}/callback?code=evil&code=c0de&state=${state}`);
      await shownAsUnrelated(`${base}/callback${query}&state=wrong`);
      await shownAsUnrelated(`${base}/callback${query}&state=${state}`);
    },
  },
  {
    title: "a header of 1 MB is refused with 431 before it is read to the end",
    run: async (listener, base) => {
      const socket = await open(
        portOf(listener),
        `GET /callback${query} HTTP/1.1${crlf}Host: ${new URL(base).host}${crlf}`,
      );
      const answer = heard(socket);
      socket.write(`X-Filler: ${"x".repeat(1024 * 1024)}${crlf}${crlf}`);
      assert.match(await answer, /^(HTTP\/1\.1 431 |$)/);
    },
  },
  {
    title: "a request target of 1 MB is refused",
    run: async (listener) => {
      const socket = await open(portOf(listener));
      const answer = heard(socket);
      socket.write(`GET /callback${query}&x=${"x".repeat(1024 * 1024)} HTTP/1.1${crlf}`);
      assert.match(await answer, /^(HTTP\/1\.1 431 |$)/);
    },
  },
  {
    title: "bytes that are not HTTP are refused",
    run: async (listener) => {
      const socket = await open(portOf(listener), "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003");
      assert.match(await heard(socket), /^HTTP\/1\.1 400 /);
    },
  },
  {
    title: "of two pipelined requests only the first is answered",
    run: async (listener, base) => {
      const one = (path: string): string => `GET ${path} HTTP/1.1${crlf}Host: ${new URL(base).host}${crlf}${crlf}`;
      const said = await heard(await open(portOf(listener), one("/x") + one(`/callback${query}`)));
      assert.match(said, /^HTTP\/1\.1 404 /);
    },
  },
];

for (const { title, run } of attacks) {
  test(`S-006 ${title}, and the genuine callback still completes the login`, async () => {
    const listener = await listen();
    try {
      await run(listener, new URL(listener.redirectUri).origin);
      await genuineLogin(listener);
    } finally {
      await listener.close();
    }
  });
}

test("S-006 a peer that sends one byte a second does not delay the genuine callback", async () => {
  const listener = await listen();
  const slow = await open(portOf(listener), "G");
  const ended = heard(slow);
  slow.write("E");
  await genuineLogin(listener, () => slow.write("T"));
  assert.equal(await ended, "", "it is cut off at the end");
});

test("S-006 of more silent sockets than any browser opens, the oldest is cut off without a response", async () => {
  const listener = await listen();
  const oldest = heard(await open(portOf(listener)));
  await Promise.all(Array.from({ length: 256 }, () => open(portOf(listener))));
  assert.equal(await oldest, "");
  await listener.close();
});

test("S-006 500 silent sockets do not lock the browser out, and do not outlive the login", async () => {
  const listener = await listen();
  const sockets = await Promise.all(Array.from({ length: 500 }, () => open(portOf(listener))));
  const closed = sockets.map((socket) => new Promise((resolve) => socket.resume().once("close", resolve)));
  await genuineLogin(listener);
  await Promise.all(closed);
});

test("S-006 the right state a second time changes nothing, before the outcome and while its page is awaited", async () => {
  const listener = await listen();
  const winner = browse(`${listener.redirectUri}${query}`);
  const answer = await listener.callback;
  for (const again of [`?code=other&state=${state}`, `?error=access_denied&state=${state}`]) {
    const second = await browse(`${listener.redirectUri}${again}`);
    assert.deepEqual([second.status, new URL(second.shown).pathname], [409, "/already-used"]);
    assert.match(second.body, /already used/);
  }
  assert.equal(await listener.callback, answer);
  assert.equal(answer.kind === "code" && answer.code.reveal(), "c0de");
  const finished = listener.finish({ kind: "success", account: "alice@example.com" });
  assert.match((await winner).body, /Logged in as alice@example\.com/);
  await finished;
});

test("S-006 a browser that leaves before the outcome is known does not harm the login", async () => {
  const listener = await listen();
  const { host } = new URL(listener.redirectUri);
  const socket = await open(portOf(listener), `GET /callback${query} HTTP/1.1${crlf}Host: ${host}${crlf}${crlf}`);
  assert.equal((await listener.callback).kind, "code");
  socket.destroy();
  assert.equal((await browse(`${listener.redirectUri}${query}`)).status, 409);
  await listener.finish({ kind: "success", account: "alice@example.com" });
});

test("another program that requests the outcome neither learns the user nor keeps the browser from its page", async () => {
  const listener = await listen();
  await genuineLogin(
    listener,
    () => undefined,
    async () => {
      for (const path of ["/done", "/done/", "/done/AAAAAAAAAAAAAAAAAAAAAA", "/", "/not-this-login"]) {
        const { status, body } = await ask(new URL(path, listener.redirectUri).href);
        assert.ok(status >= 400 && !body.includes("alice"), path);
      }
    },
  );
});

const doneAddress = /^http:\/\/127\.0\.0\.1:\d+\/done\/[\w-]{22}$/;

/** The browser returns with the right state, and is shown the outcome. */
async function genuineLogin(
  listener: CallbackListener,
  meanwhile: () => void = () => undefined,
  beforeTheBrowser: () => Promise<void> = async () => undefined,
): Promise<void> {
  const redirected = ask(`${listener.redirectUri}${query}`);
  const answer = await listener.callback;
  assert.equal(answer.kind === "code" && answer.code.reveal(), "c0de");
  meanwhile();
  const finished = listener.finish({ kind: "success", account: "alice@example.com (Acme Corp)" });
  const { location = "" } = (await redirected).headers;
  await beforeTheBrowser();
  const { status, body, shown } = await browse(new URL(location, listener.redirectUri).href);
  assert.equal(status, 200);
  assert.match(body, /Logged in as alice@example\.com \(Acme Corp\)/);
  assert.match(shown, doneAddress);
  await finished;
}
