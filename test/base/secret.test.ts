import assert from "node:assert/strict";
import { inspect } from "node:util";
import { test } from "node:test";
import { AuthError } from "../../src/base/errors.ts";
import { redact, Secret } from "../../src/base/secret.ts";

test("S-005 a secret is not shown in any of the ways in which a program prints values", () => {
  const secret = new Secret("rt_very-secret-value");
  for (const text of [String(secret), `${secret}`, JSON.stringify({ secret }), inspect(secret, { showHidden: true, depth: 9 })]) {
    assert.doesNotMatch(text, /very-secret/);
  }
  assert.equal(secret.reveal(), "rt_very-secret-value");
});

test("S-005 a secret that a server quotes is not in the message of an error, however it is spelled there", () => {
  const secret = new Secret('rt/with "quotes" & more');
  const echoes = [secret.reveal(), encodeURIComponent(secret.reveal()), JSON.stringify({ sent: secret.reveal() })];
  for (const echo of echoes) {
    const { message } = new AuthError("service_answer_invalid", `the service answered ${echo}, which is not the protocol`);
    assert.doesNotMatch(message, /with|quotes/);
    assert.match(message, /\[secret\]/);
  }
  assert.equal(redact("nothing of it is here"), "nothing of it is here");
});

test("a secret of a few characters, which many words contain, is not replaced", () => {
  const short = new Secret("no");
  assert.equal(redact("no session is known"), "no session is known");
  assert.equal(short.reveal(), "no");
});

test("S-008 the message of an error has no control character and one line, so that a script can print it", () => {
  const { message } = new AuthError("service_rejected", "the service said \u001b[2J\u202eevil\r\nhint: run this");
  assert.equal(message, "the service said [2Jevil hint: run this");
});
