import assert from "node:assert/strict";
import { test } from "node:test";
import { messageMeter } from "../../../src/auth/websocket/message-meter.ts";

/** From a service. */
function frame(first: number, length: number, announced = length): Buffer {
  const header =
    length < 126 && announced < 126 ? Buffer.from([first, announced]) : Buffer.alloc(announced < 65_536 ? 4 : 10);
  if (header.length > 2) header.set([first, header.length === 4 ? 126 : 127]);
  if (header.length === 4) header.writeUInt16BE(announced, 2);
  if (header.length === 10) header.writeBigUInt64BE(BigInt(announced), 2);
  return Buffer.concat([header, Buffer.alloc(length, 0xff)]);
}

/** How often 1000 bytes were exceeded, whole and byte by byte. */
function exceeded(...frames: Buffer[]): number[] {
  const stream = Buffer.concat(frames);
  return [stream.length, 1, 3].map((step) => {
    let times = 0;
    const count = messageMeter(1000, () => (times += 1));
    for (let at = 0; at < stream.length; at += step) count(stream.subarray(at, at + step));
    return times;
  });
}

const [text, more, last, ping] = [0x01, 0x00, 0x80, 0x89];

test("S-014 a message is as long as its frames with their headers, however they arrive", () => {
  const whole = 0x81;
  assert.deepEqual(exceeded(frame(whole, 996), frame(whole, 996), frame(whole, 3)), [0, 0, 0]);
  assert.deepEqual(exceeded(frame(whole, 997)), [1, 1, 1]);
  assert.deepEqual(exceeded(frame(text, 500), frame(last, 492), frame(text, 500), frame(last, 492)), [0, 0, 0]);
  assert.deepEqual(exceeded(frame(text, 500), frame(more, 493)), [1, 1, 1]);
  const empty = (length: number): Buffer[] => Array.from({ length }, (_, index) => frame(index === 0 ? text : more, 0));
  assert.deepEqual(exceeded(...empty(3)), [0, 0, 0]);
  assert.deepEqual(exceeded(...empty(4)), [1, 1, 1]);
});

test("S-014 a length that is only announced counts at once, and what follows is not looked at", () => {
  assert.deepEqual(exceeded(frame(0x81, 0, 2 ** 40), frame(0x81, 2000)), [1, 1, 1]);
  assert.deepEqual(exceeded(frame(ping, 126)), [1, 1, 1]);
});

test("a ping between the frames of a message does not count", () => {
  assert.deepEqual(
    exceeded(frame(text, 500), ...Array.from({ length: 9 }, () => frame(ping, 125)), frame(last, 492)),
    [0, 0, 0],
  );
  assert.deepEqual(
    exceeded(frame(text, 600), frame(ping, 0), frame(last, 600)),
    [1, 1, 1],
    "nor does it begin a new one",
  );
});
