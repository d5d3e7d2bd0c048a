import { alignmentOf, typesOf } from "./signature.ts";
import type { DBusValue } from "./value.ts";

/** Reads what the peer sent, in the peer's byte order. Anything that leads outside the message throws a RangeError. */
export class Decoder {
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
