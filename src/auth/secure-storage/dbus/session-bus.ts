import { connect, type Socket } from "node:net";
import { decodeMessage, encodeCall, messageLength, type DBusCall, type DBusMessage } from "./message.ts";
import type { DBusValue } from "./value.ts";

/** The bus, or a service on it, answered a call with an error. */
export class DBusError extends Error {
  override readonly name: string = "DBusError";
  /** Such as `org.freedesktop.DBus.Error.ServiceUnknown`. */
  readonly errorName: string;

  constructor(errorName: string, message: string) {
    super(message);
    this.errorName = errorName;
  }
}

// Nothing that is asked for here is longer than a few hundred bytes; the bus itself allows 128 MiB.
const LONGEST_MESSAGE = 1024 * 1024;
const BUS = { destination: "org.freedesktop.DBus", path: "/org/freedesktop/DBus", interface: "org.freedesktop.DBus" };

/**
 * Where the session bus listens: a path, or an abstract name behind a NUL byte.
 * @param env - `DBUS_SESSION_BUS_ADDRESS`, else `XDG_RUNTIME_DIR`, where systemd puts it
 * @returns undefined when neither names a Unix socket
 */
export function sessionBusSocket(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const runtime = env["XDG_RUNTIME_DIR"];
  const addresses = env["DBUS_SESSION_BUS_ADDRESS"] ?? (runtime === undefined ? "" : `unix:path=${runtime}/bus`);
  for (const address of addresses.split(";")) {
    const [, key, value] = /^unix:(?:.*,)?(path|abstract)=([^,]+)/.exec(address) ?? [];
    if (value !== undefined) return (key === "abstract" ? "\0" : "") + decodeURIComponent(value);
  }
  return undefined;
}

/**
 * A connection to the session bus. Plain sockets, so that whoever waits for an answer can stop waiting: closing the
 * socket ends every call, and nothing is left that could keep the process from exiting.
 */
export class SessionBus {
  readonly #socket: Socket;
  readonly #pending = new Map<number, { resolve: (body: DBusValue[]) => void; reject: (reason: unknown) => void }>();
  readonly #awaitedSignals = new Map<string, (body: DBusValue[]) => void>();
  #received: Buffer = Buffer.alloc(0);
  #greeted = false;
  #serial = 0;
  #failure: Error | undefined;

  private constructor(path: string, signal: AbortSignal) {
    const onAbort = (): void => void this.#socket.destroy(signal.reason);
    this.#socket = connect({ path });
    this.#socket.on("data", (chunk) => this.#receive(chunk));
    this.#socket.on("error", (error) => (this.#failure = error));
    this.#socket.on("close", () => {
      signal.removeEventListener("abort", onAbort);
      this.#failure ??= new Error("the session bus closed the connection");
      for (const call of this.#pending.values()) call.reject(this.#failure);
      this.#pending.clear();
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    // The bus takes the user from the socket's credentials. All in one write: a bus that refuses says so before the
    // first call is answered. Without an identity of our own in it, since in a user namespace ours would be wrong.
    this.#socket.write("\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n");
  }

  /**
   * Connects and says Hello.
   * @param path - from {@link sessionBusSocket}
   * @param signal - ends the connection, and with it whatever still waits, with the signal's reason
   * @throws the socket's error, or {@link DBusError}
   */
  static async open(path: string, signal: AbortSignal): Promise<SessionBus> {
    const bus = new SessionBus(path, signal);
    await bus.call({ ...BUS, member: "Hello" });
    return bus;
  }

  /**
   * Calls a method and waits for its answer.
   * @throws {@link DBusError} with the service's error, or the reason for which the connection ended
   */
  call(call: DBusCall): Promise<DBusValue[]> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      const serial = ++this.#serial;
      this.#pending.set(serial, { resolve, reject });
      this.#socket.write(encodeCall(call, serial));
    });
  }

  /**
   * Does `trigger`, then waits for the signal `member` from the object at `path`. Listening comes first, since the
   * signal may arrive before the trigger's own answer.
   */
  async signalAfter(path: string, member: string, trigger: () => Promise<unknown>): Promise<DBusValue[]> {
    const match = `type='signal',path='${path}',member='${member}'`;
    await this.call({ ...BUS, member: "AddMatch", signature: "s", body: [match] });
    return new Promise((resolve, reject) => {
      this.#awaitedSignals.set(`${path} ${member}`, resolve);
      this.#socket.once("close", () => reject(this.#failure));
      trigger().catch(reject);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    try {
      if (!this.#greeted) this.#greet();
      while (this.#greeted) {
        const length = messageLength(this.#received);
        if (length !== undefined && length > LONGEST_MESSAGE) throw new RangeError("D-Bus message too long");
        if (length === undefined || this.#received.length < length) return;
        const message = decodeMessage(this.#received.subarray(0, length));
        this.#received = this.#received.subarray(length);
        this.#deliver(message);
      }
    } catch (error) {
      this.#socket.destroy(error instanceof Error ? error : undefined);
    }
  }

  #greet(): void {
    const answer = /^DATA\r\nOK [^\r]*\r\n/.exec(this.#received.toString("latin1", 0, 1024));
    if (answer !== null) {
      this.#greeted = true;
      this.#received = this.#received.subarray(answer[0].length);
    } else if (/^(?:DATA\r\n)?(?:REJECTED|ERROR)/.test(this.#received.toString("latin1", 0, 1024))) {
      throw new Error("the session bus belongs to another user");
    } else if (this.#received.length > 1024) {
      throw new RangeError("not a D-Bus greeting");
    }
  }

  #deliver(message: DBusMessage): void {
    if (message.type === "signal") {
      this.#awaitedSignals.get(`${message.path} ${message.member}`)?.(message.body);
      return;
    }
    const call = message.replyTo === undefined ? undefined : this.#pending.get(message.replyTo);
    if (call === undefined || message.replyTo === undefined) return;
    this.#pending.delete(message.replyTo);
    const [text] = message.body;
    if (message.type === "return") call.resolve(message.body);
    else call.reject(new DBusError(message.errorName ?? "", typeof text === "string" ? text : ""));
  }
}
