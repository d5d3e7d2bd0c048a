import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeMessage, encodeCall, messageLength, type DBusCall } from "../../../../src/auth/secure-storage/dbus/message.ts";

const CALL: DBusCall = {
  destination: "org.freedesktop.secrets",
  path: "/org/freedesktop/secrets/collection/login",
  interface: "org.freedesktop.Secret.Collection",
  member: "CreateItem",
  signature: "a{sv}(oayays)b",
  body: [
    [["label", ["s", "grüße"]], ["attributes", ["a{ss}", [["service", "spec-kitty"]]]]],
    ["/session/1", Buffer.of(1, 2, 3), Buffer.alloc(0), "application/octet-stream"],
    true,
  ],
};

test("a call is read back as what was written, a variant as its value", () => {
  const message = decodeMessage(encodeCall(CALL, 1));
  assert.equal(message.type, "call");
  assert.equal(message.path, CALL.path);
  assert.equal(message.member, "CreateItem");
  assert.deepEqual(message.body, [
    [["label", "grüße"], ["attributes", [["service", "spec-kitty"]]]],
    ["/session/1", Buffer.of(1, 2, 3), Buffer.alloc(0), "application/octet-stream"],
    true,
  ]);
});

test("the bytes of a Hello are those of the D-Bus specification", () => {
  const hello = encodeCall({ destination: "org.freedesktop.DBus", path: "/org/freedesktop/DBus", interface: "org.freedesktop.DBus", member: "Hello" }, 1);
  const field = (code: number, type: string, value: string): string =>
    `${String.fromCharCode(code)}\x01${type}\0${String.fromCharCode(value.length)}\0\0\0${value}\0`.padEnd(8 * Math.ceil((9 + value.length) / 8), "\0");
  const fields = [
    field(1, "o", "/org/freedesktop/DBus"),
    field(2, "s", "org.freedesktop.DBus"),
    field(3, "s", "Hello"),
    field(6, "s", "org.freedesktop.DBus"),
    "\x08\x01g\0\0\0",
  ].join("");
  const expected = `l\x01\0\x01\0\0\0\0\x01\0\0\0${String.fromCharCode(fields.length)}\0\0\0${fields}\0\0`;
  assert.equal(hello.toString("latin1"), expected);
});

test("an answer in the other byte order is read", () => {
  // A return to call 258 with one uint32, from a big-endian peer.
  const bytes = Buffer.from("B\x02\x01\x01\0\0\0\x04\0\0\0\x09\0\0\0\x0f\x05\x01u\0\0\0\x01\x02\x08\x01g\0\x01u\0\0\0\0\x01\x00", "latin1");
  assert.equal(messageLength(bytes), bytes.length);
  assert.deepEqual(decodeMessage(bytes), { type: "return", replyTo: 258, path: undefined, member: undefined, errorName: undefined, body: [256] });
});

test("a message cut off at any byte, or with any byte changed, is read or refused, and never hangs or crashes", () => {
  const whole = encodeCall(CALL, 1);
  for (let length = 0; length < whole.length; length++) assert.throws(() => decodeMessage(whole.subarray(0, length)), RangeError);
  for (let at = 0; at < whole.length; at++) {
    for (const value of [0, 1, 0x28, 0x61, 0x76, 0xff]) {
      const changed = Buffer.from(whole);
      changed[at] = value;
      try {
        decodeMessage(changed);
      } catch (error) {
        assert.ok(error instanceof RangeError, String(error));
      }
    }
  }
});

test("an array of empty structures, which would never end, is refused", () => {
  assert.throws(() => encodeCall({ ...CALL, signature: "a()", body: [[]] }, 1), RangeError);
});
