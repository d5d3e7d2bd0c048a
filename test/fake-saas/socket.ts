import type { Duplex } from "node:stream";

const TEXT = 0x1;
const CLOSE = 0x8;
const PING = 0x9;
const PONG = 0xa;

/** The server's end of a WebSocket (RFC 6455), after the handshake. */
export class FakeSocket {
  /** The ticket's team. */
  readonly team: string;
  /** From the client. */
  closedWith: number | undefined;
  readonly #stream: Duplex;
  #buffer: Buffer = Buffer.alloc(0);
  #fragments: Buffer[] = [];

  /** @param onText - called with every text message */
  constructor(stream: Duplex, team: string, onText: (text: string) => void) {
    this.team = team;
    this.#stream = stream;
    stream.on("data", (chunk: Buffer) => {
      this.#buffer = Buffer.concat([this.#buffer, chunk]);
      for (let frame = this.#take(); frame !== undefined; frame = this.#take()) this.#receive(frame, onText);
    });
    stream.on("error", () => stream.destroy());
  }

  /** An object as JSON, a string as is. A Buffer goes out raw, without a frame. */
  send(message: object | string): void {
    if (Buffer.isBuffer(message)) this.#stream.write(message);
    else this.#write(TEXT, Buffer.from(typeof message === "string" ? message : JSON.stringify(message)));
  }

  /** 1001, going away, by default. */
  close(code = 1001): void {
    const payload = Buffer.alloc(2);
    payload.writeUInt16BE(code);
    this.#write(CLOSE, payload);
    this.#stream.end();
  }

  destroy(): void {
    this.#stream.destroy();
  }

  #write(opcode: number, payload: Buffer): void {
    if (!this.#stream.writable) return;
    const { length } = payload;
    const header = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
    header[0] = 0x80 | opcode;
    header[1] = length < 126 ? length : length < 65_536 ? 126 : 127;
    if (header.length === 4) header.writeUInt16BE(length, 2);
    if (header.length === 10) header.writeBigUInt64BE(BigInt(length), 2);
    this.#stream.write(Buffer.concat([header, payload]));
  }

  /** Takes one frame off the buffer. */
  #take(): { final: boolean; opcode: number; payload: Buffer } | undefined {
    const buffer = this.#buffer;
    if (buffer.length < 2) return undefined;
    const short = buffer.readUInt8(1) & 0x7f;
    const start = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (buffer.length < start + 4) return undefined;
    const length = short < 126 ? short : short === 126 ? buffer.readUInt16BE(2) : Number(buffer.readBigUInt64BE(2));
    // RFC 6455 §5.1: clients must mask.
    if ((buffer.readUInt8(1) & 0x80) === 0) {
      this.close(1002);
      return undefined;
    }
    const end = start + 4 + length;
    if (buffer.length < end) return undefined;
    const mask = buffer.subarray(start, start + 4);
    const payload = Buffer.from(buffer.subarray(start + 4, end));
    for (let index = 0; index < length; index += 1) payload[index] = (payload[index] ?? 0) ^ (mask[index % 4] ?? 0);
    this.#buffer = buffer.subarray(end);
    return { final: (buffer.readUInt8(0) & 0x80) !== 0, opcode: buffer.readUInt8(0) & 0x0f, payload };
  }

  #receive(
    { final, opcode, payload }: { final: boolean; opcode: number; payload: Buffer },
    onText: (text: string) => void,
  ): void {
    if (opcode === CLOSE) {
      this.closedWith = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
      this.#write(CLOSE, payload.subarray(0, 2));
      this.#stream.end();
    } else if (opcode === PING) {
      this.#write(PONG, payload);
    } else if (opcode !== PONG) {
      this.#fragments.push(payload);
      if (!final) return;
      const text = Buffer.concat(this.#fragments).toString("utf8");
      this.#fragments = [];
      onText(text);
    }
  }
}
