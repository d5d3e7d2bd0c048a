import { createCipheriv, createDecipheriv, createDiffieHellmanGroup, hkdfSync, randomBytes } from "node:crypto";
import { SessionBus } from "./dbus/session-bus.ts";
import type { DBusValue } from "./dbus/value.ts";

/** Why the Secret Service, though it answered, did not do what it was asked. */
export class SecretServiceRefusal extends Error {
  override readonly name: string = "SecretServiceRefusal";
  readonly reason: "locked" | "no_collection" | "dismissed" | "answer_invalid";

  constructor(reason: "locked" | "no_collection" | "dismissed" | "answer_invalid") {
    super(reason);
    this.reason = reason;
  }
}

const SERVICE = "/org/freedesktop/secrets";
const INTERFACE = "org.freedesktop.Secret";
const ALGORITHM = "dh-ietf1024-sha256-aes128-cbc-pkcs7";

/**
 * The part of the freedesktop Secret Service API (version 0.2) that one key needs. The native library is not used for
 * it: its constructor blocks the event loop until the service answers, and while a prompt waits for the user, a thread
 * of it keeps even `process.exit` from ending the process. Nothing here ever asks for an unlock prompt: what is locked
 * is refused as such, so that an unattended command does not open a window.
 */
export class SecretService {
  readonly #bus: SessionBus;

  private constructor(bus: SessionBus) {
    this.#bus = bus;
  }

  /**
   * Connects, does `work`, and closes the connection whatever came of it.
   * @param socket - the session bus
   * @param signal - ends it all, with its reason
   * @throws {@link SecretServiceRefusal}, a `DBusError`, the socket's error, or the signal's reason
   */
  static async use<T>(socket: string, signal: AbortSignal, work: (service: SecretService) => Promise<T>): Promise<T> {
    const bus = await SessionBus.open(socket, signal);
    try {
      return await work(new SecretService(bus));
    } finally {
      bus.close();
    }
  }

  /** The secret of the one item with these attributes, or undefined when there is none. */
  async read(attributes: Readonly<Record<string, string>>): Promise<Buffer | undefined> {
    const { unlocked, locked } = await this.#search(attributes);
    const [item] = unlocked;
    if (item === undefined && locked.length > 0) throw new SecretServiceRefusal("locked");
    if (item === undefined) return undefined;
    const session = await this.#openSession();
    const [secret] = await this.#call(item, "Item", "GetSecret", "o", [session.path]);
    const [, iv, sealed] = Array.isArray(secret) ? secret : [];
    if (!Buffer.isBuffer(iv) || !Buffer.isBuffer(sealed)) throw new SecretServiceRefusal("answer_invalid");
    const decipher = createDecipheriv("aes-128-cbc", session.key, iv);
    return Buffer.concat([decipher.update(sealed), decipher.final()]);
  }

  /** Creates the item in the default collection, or replaces it. */
  async write(attributes: Readonly<Record<string, string>>, label: string, secret: Buffer): Promise<void> {
    const collection = pathOf((await this.#call(SERVICE, "Service", "ReadAlias", "s", ["default"]))[0]);
    if (collection === "/") throw new SecretServiceRefusal("no_collection");
    const [locked] = await this.#bus.call({
      destination: "org.freedesktop.secrets",
      path: collection,
      interface: "org.freedesktop.DBus.Properties",
      member: "Get",
      signature: "ss",
      body: [`${INTERFACE}.Collection`, "Locked"],
    });
    if (locked !== false) throw new SecretServiceRefusal("locked");
    const session = await this.#openSession();
    const iv = randomBytes(16);
    const cipher = createCipheriv("aes-128-cbc", session.key, iv);
    const sealed = Buffer.concat([cipher.update(secret), cipher.final()]);
    const properties: DBusValue[] = [
      [`${INTERFACE}.Item.Label`, ["s", label]],
      [`${INTERFACE}.Item.Attributes`, ["a{ss}", Object.entries(attributes)]],
    ];
    const value = [session.path, iv, sealed, "application/octet-stream"];
    const [, prompt] = await this.#call(collection, "Collection", "CreateItem", "a{sv}(oayays)b", [properties, value, true]);
    await this.#confirm(prompt);
  }

  /** Deletes every item with these attributes; none is fine. */
  async remove(attributes: Readonly<Record<string, string>>): Promise<void> {
    const { unlocked, locked } = await this.#search(attributes);
    for (const item of unlocked) await this.#confirm((await this.#call(item, "Item", "Delete", "", []))[0]);
    if (locked.length > 0) throw new SecretServiceRefusal("locked");
  }

  async #search(attributes: Readonly<Record<string, string>>): Promise<{ unlocked: string[]; locked: string[] }> {
    const [unlocked, locked] = await this.#call(SERVICE, "Service", "SearchItems", "a{ss}", [Object.entries(attributes)]);
    if (!Array.isArray(unlocked) || !Array.isArray(locked)) throw new SecretServiceRefusal("answer_invalid");
    return { unlocked: unlocked.map(pathOf), locked: locked.map(pathOf) };
  }

  /**
   * Some services answer a creation or a deletion with a prompt that they complete themselves, or after asking the
   * user. It lasts as long as the signal of {@link SecretService.use} allows.
   */
  async #confirm(prompt: DBusValue | undefined): Promise<void> {
    const path = pathOf(prompt);
    if (path === "/") return;
    const [dismissed] = await this.#bus.signalAfter(path, "Completed", () => this.#call(path, "Prompt", "Prompt", "s", [""]));
    if (dismissed !== false) throw new SecretServiceRefusal("dismissed");
  }

  /**
   * The transfer encryption of the API ("Transfer of Secrets"), all of whose parameters are fixed by it. It keeps the
   * key out of what a bus monitor records; it is no defence against a program that can ask for the item itself.
   */
  async #openSession(): Promise<{ path: string; key: Buffer }> {
    const ours = createDiffieHellmanGroup("modp2");
    const [theirs, path] = await this.#call(SERVICE, "Service", "OpenSession", "sv", [ALGORITHM, ["ay", ours.generateKeys()]]);
    if (!Buffer.isBuffer(theirs)) throw new SecretServiceRefusal("answer_invalid");
    const shared = ours.computeSecret(theirs);
    const padded = Buffer.concat([Buffer.alloc(128 - shared.length), shared]);
    return { path: pathOf(path), key: Buffer.from(hkdfSync("sha256", padded, Buffer.alloc(0), Buffer.alloc(0), 16)) };
  }

  #call(path: string, of: string, member: string, signature: string, body: DBusValue[]): Promise<DBusValue[]> {
    return this.#bus.call({ destination: "org.freedesktop.secrets", path, interface: `${INTERFACE}.${of}`, member, signature, body });
  }
}

function pathOf(value: DBusValue | undefined): string {
  if (typeof value !== "string" || !value.startsWith("/")) throw new SecretServiceRefusal("answer_invalid");
  return value;
}
