import { Decoder } from "./decoder.ts";
import { Encoder } from "./encoder.ts";
import type { DBusValue } from "./value.ts";

/** What a message says, without the envelope that only the bus needs (D-Bus specification, "Header Fields"). */
export interface DBusMessage {
  type: "call" | "return" | "error" | "signal";
  /** The call that a return or an error answers. */
  replyTo: number | undefined;
  path: string | undefined;
  member: string | undefined;
  errorName: string | undefined;
  body: DBusValue[];
}

/** A method call to send. */
export interface DBusCall {
  destination: string;
  path: string;
  interface: string;
  member: string;
  signature?: string;
  body?: DBusValue[];
}

const TYPES = ["call", "return", "error", "signal"] as const;
const HEADER = "yyyyuua(yv)";

/**
 * A method call as bytes.
 * @param serial - from 1, never used twice on a connection
 * @throws TypeError when a value does not fit its signature
 */
export function encodeCall(call: DBusCall, serial: number): Buffer {
  const signature = call.signature ?? "";
  const body = new Encoder().all(signature, call.body ?? []).bytes();
  const fields: DBusValue[] = [
    [1, ["o", call.path]],
    [2, ["s", call.interface]],
    [3, ["s", call.member]],
    [6, ["s", call.destination]],
    [8, ["g", signature]],
  ];
  const header = new Encoder().all(HEADER, [0x6c, 1, 0, 1, body.length, serial, fields]);
  header.align(8);
  return Buffer.concat([header.bytes(), body]);
}

/** How many bytes the message at the start of `bytes` has, or undefined while too few are there to tell. */
export function messageLength(bytes: Buffer): number | undefined {
  if (bytes.length < 16) return undefined;
  const read = (at: number): number => (bytes[0] === 0x6c ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  return 16 + Math.ceil(read(12) / 8) * 8 + read(4);
}

/**
 * Reads one whole message.
 * @throws RangeError when the bytes are not a D-Bus message
 */
export function decodeMessage(bytes: Buffer): DBusMessage {
  const decoder = new Decoder(bytes);
  const [, type, , , , , entries] = decoder.all(HEADER);
  const fields = new Map((Array.isArray(entries) ? entries : []).map((entry) => entry as [number, DBusValue]));
  const text = (code: number): string | undefined => {
    const value = fields.get(code);
    return typeof value === "string" ? value : undefined;
  };
  const replyTo = fields.get(5);
  decoder.align(8);
  return {
    type: TYPES[Number(type) - 1] ?? "signal",
    replyTo: typeof replyTo === "number" ? replyTo : undefined,
    path: text(1),
    member: text(3),
    errorName: text(4),
    body: decoder.all(text(8) ?? ""),
  };
}
