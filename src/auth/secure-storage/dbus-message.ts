/**
 * A value on the bus. A structure and a dictionary entry are arrays of their members, a dictionary an array of
 * entries, `ay` a Buffer. A variant is written as `[signature, value]` and read as its value alone.
 */
export type DBusValue = boolean | number | bigint | string | Buffer | DBusValue[];

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
const ALIGNMENT: Record<string, number> = { y: 1, g: 1, v: 1, n: 2, q: 2, x: 8, t: 8, d: 8, "(": 8, "{": 8 };
const alignmentOf = (type: string): number => ALIGNMENT[type.charAt(0)] ?? 4;

/**
 * Splits a signature into its complete types. Whatever would be read without using up a byte is refused, an empty
 * structure or a type that does not exist: an array of them would never end.
 */
function typesOf(signature: string): string[] {
  const types: string[] = [];
  for (let at = 0; at < signature.length; ) {
    const type = typeAt(signature, at);
    types.push(type);
    at += type.length;
  }
  return types;
}

function typeAt(signature: string, start: number): string {
  let at = start;
  while (signature[at] === "a") at += 1;
  if (signature[at] === "(" || signature[at] === "{") {
    const first = at + 1;
    for (at = first; signature[at] !== ")" && signature[at] !== "}"; ) at += typeAt(signature, at).length;
    if (at === first) throw new RangeError("empty D-Bus structure");
  } else if (!/^[ybnqiuxtdsogvh]/.test(signature.slice(at))) {
    throw new RangeError("no D-Bus signature");
  }
  return signature.slice(start, at + 1);
}

class Encoder {
  readonly #parts: Buffer[] = [];
  length = 0;

  #push(part: Buffer): void {
    this.#parts.push(part);
    this.length += part.length;
  }

  align(to: number): void {
    this.#push(Buffer.alloc((to - (this.length % to)) % to));
  }

  all(signature: string, values: DBusValue[]): this {
    for (const [index, type] of typesOf(signature).entries()) this.#one(type, values[index]);
    return this;
  }

  #one(type: string, value: DBusValue | undefined): void {
    this.align(alignmentOf(type));
    if (type === "y") this.#push(Buffer.of(Number(value)));
    else if (type === "u" || type === "b") this.#uint32(Number(value));
    else if (type === "s" || type === "o") {
      this.#uint32(Buffer.byteLength(String(value)));
      this.#push(Buffer.from(`${String(value)}\0`));
    } else if (type === "g") {
      this.#push(Buffer.of(String(value).length));
      this.#push(Buffer.from(`${String(value)}\0`));
    } else if (type.startsWith("a")) {
      const length = this.#uint32(0);
      this.align(alignmentOf(type.slice(1)));
      const start = this.length;
      if (Buffer.isBuffer(value)) this.#push(value);
      else if (Array.isArray(value)) for (const element of value) this.#one(type.slice(1), element);
      length.writeUInt32LE(this.length - start);
    } else if (type === "v" && Array.isArray(value)) this.all(`g${String(value[0])}`, value);
    else if (Array.isArray(value)) this.all(type.slice(1, -1), value);
    else throw new TypeError(`no D-Bus value of type "${type}"`);
  }

  #uint32(value: number): Buffer {
    const part = Buffer.alloc(4);
    part.writeUInt32LE(value);
    this.#push(part);
    return part;
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

/** Reads what the peer sent, in the peer's byte order. Anything that leads outside the message throws a RangeError. */
class Decoder {
  readonly #bytes: Buffer;
  readonly #little: boolean;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#little = bytes[0] === 0x6c;
  }

  align(to: number): void {
    this.#at += (to - (this.#at % to)) % to;
  }

  all(signature: string): DBusValue[] {
    return typesOf(signature).map((type) => this.#one(type));
  }

  #one(type: string): DBusValue {
    this.align(alignmentOf(type));
    switch (type.charAt(0)) {
      case "y": return this.#take(1).readUInt8();
      case "b": return this.#uint32() === 1;
      case "n": case "q": return this.#number(this.#take(2));
      case "i": case "u": case "h": return this.#uint32();
      case "x": case "t": case "d": return this.#little ? this.#take(8).readBigUInt64LE() : this.#take(8).readBigUInt64BE();
      case "s": case "o": return this.#text(this.#uint32());
      case "g": return this.#text(this.#take(1).readUInt8());
      case "v": return this.#variant();
      case "a": return this.#array(type.slice(1));
      default: return this.all(type.slice(1, -1));
    }
  }

  #variant(): DBusValue {
    const [type, ...rest] = typesOf(this.#text(this.#take(1).readUInt8()));
    if (type === undefined || rest.length > 0) throw new RangeError("a D-Bus variant holds one value");
    return this.#one(type);
  }

  #array(type: string): DBusValue {
    const length = this.#uint32();
    this.align(alignmentOf(type));
    if (type === "y") return Buffer.from(this.#take(length));
    const end = this.#at + length;
    const values: DBusValue[] = [];
    while (this.#at < end) values.push(this.#one(type));
    return values;
  }

  #text(length: number): string {
    return this.#take(length + 1).toString("utf8", 0, length);
  }

  #uint32(): number {
    return this.#number(this.#take(4));
  }

  #number(bytes: Buffer): number {
    return this.#little ? bytes.readUIntLE(0, bytes.length) : bytes.readUIntBE(0, bytes.length);
  }

  #take(length: number): Buffer {
    if (this.#at + length > this.#bytes.length) throw new RangeError("D-Bus message ends early");
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}

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
