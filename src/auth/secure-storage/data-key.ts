import { dirname, join } from "node:path";
import { AuthError, hint, loginAnew, type Hint } from "../../base/errors.ts";
import { readPrivateFile } from "../../platform/private-files.ts";
import type { KeySlot, KeySource, KeyWay } from "./key-slot.ts";

// Not imported: for that, Node evaluates every property of the module, and so loads WebCrypto.
const { createCipheriv, createDecipheriv, createHmac, randomBytes } = process.getBuiltinModule("node:crypto");

const cipher = "aes-256-gcm";
const nonceBytes = 12;
const tagBytes = 16;
/** Format and cipher, for readers and later versions. */
const header = Buffer.from("1 AES-256-GCM\n");

/** When nothing opens what is stored. Destroys nothing: a login that starts over gets its own data key. */
export const startOver: Hint = hint`Log in again: ${loginAnew()}`;

/** Seals everything in a directory, each file under its path. */
export class DataKey {
  readonly id: string;
  readonly folder: string;
  readonly #bytes: Buffer;

  constructor(id: string, bytes: Buffer, slots: string) {
    this.id = id;
    this.folder = join(dirname(slots), "sessions", id);
    this.#bytes = bytes;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  bytes(name: string): Buffer | undefined {
    return readPrivateFile(this.path(name));
  }

  /** For a slot. */
  wrap(wrapping: Buffer, name: string): Buffer {
    return seal(this.#bytes.toString("base64"), wrapping, name);
  }

  /** A name for a file or directory that reveals nothing. */
  hiddenName(text: string): string {
    return createHmac("sha256", this.#bytes).update(`name ${text}`).digest("hex").slice(0, 16);
  }

  seal(name: string, text: string): Buffer {
    return seal(text, this.#bytes, onAnySystem(name));
  }

  /** @throws {@link AuthError} `storage_damaged` or `storage_unreadable` */
  open(name: string, bytes: Buffer): string {
    const text = unseal(bytes, this.#bytes, onAnySystem(name));
    if (text !== undefined) return text;
    const [, format = "1"] = /^(\d{1,9}) [\w-]{1,40}\n/.exec(bytes.subarray(0, 64).toString("latin1")) ?? [];
    if (format !== "1") throw newerFormat(this.path(name));
    throw new AuthError("storage_damaged", `"${this.path(name)}" is damaged: it was truncated, changed or replaced`, {
      hint: hint`Log in again: ${loginAnew(this.path(name))}`,
    });
  }
}

/** Windows may share the directory with other systems. */
function onAnySystem(path: string): string {
  return path.replaceAll("\\", "/");
}

interface KeySlotsOptions {
  readonly path: string;
  /** The digest of its id. */
  readonly machine: string;
  /** Made and loaded on first use. */
  readonly sourceOf: (source: KeyWay["source"]) => Promise<KeySource>;
  readonly hasPassphrase: boolean;
}

/**
 * The data key of a directory. It is random, with a slot for each way to open it: a keychain, a passphrase and several
 * machines can open the same logins, and changing the way rewrites no login. Machines that cannot open each other's
 * slots keep separate data keys in one file (S-018).
 */
export class KeySlots {
  readonly path: string;
  readonly machine: string;
  readonly #options: KeySlotsOptions;
  #opened: { readonly slot: string; readonly key: DataKey } | undefined;

  constructor(options: KeySlotsOptions) {
    this.path = options.path;
    this.machine = options.machine;
    this.#options = options;
  }

  /** Newest first. Throws `storage_…`. */
  slots(): readonly KeySlot[] {
    const bytes = readPrivateFile(this.path);
    return bytes === undefined ? [] : parseSlots(bytes, this.path);
  }

  /** This machine's slot, as far as visible without a key. */
  own(): KeySlot | undefined {
    const [first] = this.#inOrder(this.slots());
    return first !== undefined && this.#rank(first) < 4 ? first : undefined;
  }

  /**
   * Undefined when nothing was stored.
   *
   * @throws {@link AuthError} `storage_…` or `keychain_unavailable`, of the slot most likely this machine's
   */
  async open(): Promise<DataKey | undefined> {
    const slots = this.slots();
    // A remembered key would open nothing.
    if (slots.length === 0) return (this.#opened = undefined);
    let failure: unknown;
    for (const slot of this.#inOrder(slots)) {
      const text = JSON.stringify(slot);
      if (this.#opened?.slot === text) return this.#opened.key;
      try {
        const key = await this.#unwrap(slot);
        this.#opened = { slot: text, key };
        return key;
      } catch (error) {
        if (!(error instanceof AuthError)) throw error;
        failure ??= error;
      }
    }
    throw failure;
  }

  /** The user's choice first, then free ways before the keychain; last, those that can only explain a failure. */
  #inOrder(slots: readonly KeySlot[]): readonly KeySlot[] {
    return [...slots].sort((a, b) => this.#rank(a) - this.#rank(b));
  }

  #rank({ way: { source }, machine }: KeySlot): number {
    if (source === "passphrase") return this.#options.hasPassphrase ? 0 : 4;
    if (machine === this.machine) return source === "machine" ? 1 : 2;
    // Machines may share a keychain, but not a machine's secret, which needs its id.
    return source === "keychain" ? 3 : 5;
  }

  async #unwrap(slot: KeySlot): Promise<DataKey> {
    const source = await this.#options.sourceOf(slot.way.source);
    const opened = unseal(Buffer.from(slot.wrapped, "base64"), await source.open(slot), wrappingName(slot));
    if (opened !== undefined) return new DataKey(slot.key, Buffer.from(opened, "base64"), this.path);
    const { message, hint } = source.mismatch;
    throw new AuthError("storage_damaged", `cannot open "${this.path}": ${message}`, { hint });
  }
}

/** Authenticated with a wrapped key: its slot. */
export function wrappingName({ key, way, machine, host }: Omit<KeySlot, "wrapped">): string {
  return JSON.stringify(["slot", key, Object.entries(way), machine, host]);
}

function parseSlots(bytes: Buffer, path: string): readonly KeySlot[] {
  const damaged = (): AuthError =>
    new AuthError("storage_damaged", `"${path}" is damaged: it was truncated or changed`, {
      hint: hint`Log in again: ${loginAnew(path)}`,
    });
  let file: { version?: unknown; slots?: unknown };
  try {
    file = JSON.parse(bytes.toString("utf8")) as typeof file;
  } catch {
    throw damaged();
  }
  if (file?.version !== 1) throw typeof file?.version === "number" ? newerFormat(path) : damaged();
  if (!Array.isArray(file.slots) || !file.slots.every(isSlot)) throw damaged();
  return file.slots;
}

function isSlot(slot: unknown): slot is KeySlot {
  if (typeof slot !== "object" || slot === null) return false;
  const { key, way, machine, host, wrapped } = slot as Partial<Record<keyof KeySlot, unknown>>;
  const isText = [key, machine, host, wrapped].every((value) => typeof value === "string");
  // It names a directory, and is not authenticated yet.
  return isText && /^[0-9a-f]{8}$/.test(String(key)) && isWay(way);
}

function isWay(way: unknown): way is KeyWay {
  if (typeof way !== "object" || way === null) return false;
  const { source, account, kdf, secret, salt } = way as Partial<Record<string, unknown>>;
  if (source === "keychain") return typeof account === "string";
  if (typeof salt !== "string") return false;
  return source === "machine"
    ? kdf === "hkdf" && typeof secret === "string"
    : source === "passphrase" && kdf === "scrypt";
}

function newerFormat(path: string): AuthError {
  return new AuthError("storage_unreadable", `"${path}" has the format of a newer version`, {
    hint: "Update to the latest version",
  });
}

/**
 * Seals a text with AES-256-GCM (NIST SP 800-38D). Every byte of the result is authenticated.
 *
 * The key is derived from the given one and the name: a text moved elsewhere does not open, and the limit for random
 * nonces (2^32 texts under one key, SP 800-38D §8.3) is for each name alone.
 */
export function seal(text: string, key: Uint8Array, name: string): Buffer {
  const nonce = randomBytes(nonceBytes);
  const encipher = createCipheriv(cipher, keyFor(name, key), nonce, { authTagLength: tagBytes });
  encipher.setAAD(header);
  return Buffer.concat([header, nonce, encipher.update(text, "utf8"), encipher.final(), encipher.getAuthTag()]);
}

/** Undefined for another key or name, or a changed byte. */
export function unseal(bytes: Buffer, key: Uint8Array, name: string): string | undefined {
  const body = bytes.subarray(header.length);
  if (!bytes.subarray(0, header.length).equals(header) || body.length < nonceBytes + tagBytes) return undefined;
  const nonce = body.subarray(0, nonceBytes);
  const decipher = createDecipheriv(cipher, keyFor(name, key), nonce, { authTagLength: tagBytes });
  decipher.setAAD(header);
  decipher.setAuthTag(body.subarray(-tagBytes));
  try {
    return decipher.update(body.subarray(nonceBytes, -tagBytes), undefined, "utf8") + decipher.final("utf8");
  } catch {
    return undefined;
  }
}

function keyFor(name: string, key: Uint8Array): Buffer {
  return createHmac("sha256", key).update(`seal ${name}`).digest();
}
