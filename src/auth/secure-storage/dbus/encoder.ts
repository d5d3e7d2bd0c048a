import { alignmentOf, typesOf } from "./signature.ts";
import type { DBusValue } from "./value.ts";

/** Writes values as D-Bus lays them out, little-endian. A value that does not fit its type throws a TypeError. */
export class Encoder {
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
