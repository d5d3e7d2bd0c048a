import assert from "node:assert/strict";
import { inspect } from "node:util";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { AuthError } from "../../src/base/errors.ts";
import { redact, Secret } from "../../src/base/secret.ts";
import { form, serviceFailure } from "../../src/http/request.ts";
import { clientFetch } from "../../src/auth/oauth/client-authentication.ts";

test("S-005 a secret is not shown in any of the ways in which a program prints values", () => {
  const secret = new Secret("rt_very-secret-value");
  for (const text of [
    String(secret),
    `${secret}`,
    JSON.stringify({ secret }),
    inspect(secret, { showHidden: true, depth: 9 }),
  ]) {
    assert.doesNotMatch(text, /very-secret/);
  }
  assert.equal(secret.reveal(), "rt_very-secret-value");
});

test("S-006 only the whole value of a secret is the same: not its beginning, its end, a part of it or more than it", () => {
  const value = "0123456789abcdef";
  const secret = new Secret(value);
  assert.ok(secret.matches(value) && secret.equals(new Secret(value)));
  for (const other of ["", "0", "0123456789abcde", "123456789abcdef", "789", `${value}0`, "0123456789abcdeF"]) {
    assert.equal(secret.matches(other), false, other);
    assert.equal(secret.equals(new Secret(other)), false, other);
    assert.equal(new Secret(other).equals(secret), false, other);
  }
});

test("S-005 a secret is replaced as long as one object holds it, and forgotten when none does", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const kept = new Secret("at_held-by-two-objects");
  (() => [new Secret(kept.reveal()), new Secret("at_held-by-nobody")])();
  // Collected objects are reported in turns of the event loop.
  for (let turns = 0; redact("at_held-by-nobody") === "[secret]"; turns += 1) {
    assert.ok(turns < 200, "a secret that nobody holds is still looked for");
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(redact(`sent ${kept.reveal()}`), "sent [secret]");
});

test("S-005 a secret that a server quotes is not in the message of an error, however it is spelled there", () => {
  const secret = new Secret('rt/with "quotes" & more');
  const echoes = [secret.reveal(), encodeURIComponent(secret.reveal()), JSON.stringify({ sent: secret.reveal() })];
  for (const echo of echoes) {
    const { message } = new AuthError(
      "service_answer_invalid",
      `the service returned ${echo}, which is not the protocol`,
      { hint: "Try again" },
    );
    assert.doesNotMatch(message, /with|quotes/);
    assert.match(message, /\[secret\]/);
  }
  assert.equal(redact(`${echoes[0]}, ${echoes[0]}`), "[secret], [secret]", "each time it is there");
  assert.equal(redact("nothing of it is here"), "nothing of it is here");
});

test("S-005 a secret that a service quotes as it was sent, in a form or as a client's credentials, is not in the message", async () => {
  const secret = new Secret("rt~with*marks'and(more)");
  let sent = "";
  const fetch = async (_: unknown, init: RequestInit = {}): Promise<Response> => (
    (sent = `${new Headers(init.headers).get("authorization")} ${String(init.body)}`), new Response()
  );
  await clientFetch({ clientId: "cli_native", clientSecret: secret, server: {} }, fetch)(
    "https://service.example",
    form({ refresh_token: secret.reveal() }),
  );
  const { message } = new AuthError("service_rejected", `the service returned ${sent}`, { hint: "Try again" });
  assert.equal(message, "the service returned Basic [secret] refresh_token=[secret]");
});

test("S-005 a secret is replaced before a long text of a service is cut, so that no half of it is left", () => {
  const secret = new Secret("rt_0123456789abcdefghijklmnopqrstuvwxyz");
  for (const before of [175, 190, 199]) {
    const text = "x".repeat(before) + secret.reveal();
    const failure = serviceFailure(new Response(null, { status: 400 }), {
      error: `${text}\u001b[2J`,
      error_description: text,
    });
    for (const shown of [failure.message, failure.error ?? "", inspect(failure, { customInspect: false })])
      assert.doesNotMatch(shown, /rt_|x[r_]|\\x1b|\u001b/, String(before));
  }
  const { message } = new AuthError("service_rejected", "x".repeat(1_985) + secret.reveal(), { hint: "Try again" });
  assert.doesNotMatch(message, /rt_/);
});

test("a session that was read many times does not make errors slow", () => {
  const readings = Array.from({ length: 50_000 }, () => new Secret("at_the-same-token-again"));
  const before = process.cpuUsage();
  for (let count = 0; count < 200; count += 1)
    assert.equal(redact(`sent ${readings[count]?.reveal()}`), "sent [secret]");
  // A search at each reading took ten seconds.
  const { user } = process.cpuUsage(before);
  assert.ok(user < 2_000_000, `${user} µs`);
});

test("a secret of a few characters, which many words contain, is not replaced", () => {
  const short = new Secret("no");
  assert.equal(redact("no session is known"), "no session is known");
  assert.equal(short.reveal(), "no");
});

test("S-014 a message with a service's text of any length and kind is made at once, and has an end", () => {
  const before = process.cpuUsage();
  for (const piece of [" ", "\t", "\n", " \n", "x", "\u202e"]) {
    const { message } = new AuthError("service_rejected", `the service said "${piece.repeat(300_000)}" to that`, {
      hint: "Try again",
    });
    assert.ok(message.length <= 2_010, `${message.length} characters`);
  }
  // The square of the length took half a minute.
  const { user } = process.cpuUsage(before);
  assert.ok(user < 5_000_000, `${user} µs`);
});

test("S-008 the message of an error has no control character and one line, so that a script can print it", () => {
  const { message } = new AuthError("service_rejected", "the service said \u001b[2J\u202eevil\r\nhint: run this", {
    hint: "Try again",
  });
  assert.equal(message, "the service said [2Jevil hint: run this");
});
