import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { AuthError, hint, login, type Hint } from "../../base/errors.ts";
import type { Reservation } from "../../platform/replace-file.ts";
import { fileMark, readPrivateFile } from "../../platform/private-files.ts";
import type { KeyHeader, Vault } from "./vault.ts";

/** A source of keys: the OS keychain, a passphrase, this machine. */
export interface KeySource {
  /** The 256-bit key that a header names. Throws `keychain_unavailable` or `storage_unreadable`, naming what is missing. */
  open(header: KeyHeader): Promise<Buffer>;
  /** Makes what every key of this source needs, if it is not there yet: to be called before something is sealed with a new header. */
  prepare?(): Promise<void>;
  /** A better key, for the next write; undefined where there is none. Called before a write, so that it never fails. */
  successor?(): Promise<SealingKey | undefined>;
  /** The error when the key does not open the file: most likely it is the wrong key, else the file was changed. */
  readonly mismatch: { readonly message: string; readonly hint: Hint };
}

/** A key, and the header that names it. */
export interface SealingKey {
  readonly header: KeyHeader;
  readonly key: Buffer;
}

/** The next step when the file can no longer be opened. It destroys nothing: {@link SealedFile.setAside}. */
export const startOver: Hint = hint`Log in again: ${login(undefined, "--force")}`;

interface Envelope {
  readonly version: number;
  readonly cipher: string;
  readonly key: KeyHeader;
  readonly nonce: string;
  readonly ciphertext: string;
}

const cipher = "aes-256-gcm";
const tagBytes = 16;
/** A file that needs the secret has a number of its own, so that programs that know of no secret do not try to read it. */
const versionOf = (key: KeyHeader): number => (key.source === "machine" && key.kdf === "hkdf" ? 2 : 1);
const newestVersion = 2;

/**
 * One file, sealed with AES-256-GCM (NIST SP 800-38D). The header, which names the source of the key in the clear, is
 * authenticated with the content, and the file must be byte for byte what this program would have written: so a change of any
 * byte is detected, including white space and unused base64 bits.
 */
export class SealedFile implements Vault {
  readonly path: string;
  readonly #aside: string;
  readonly #keySourceOf: (header: KeyHeader) => KeySource | Promise<KeySource>;
  #opened: { header: string; key: Buffer } | undefined;

  /** `keySourceOf`: the source of the key that a header names, made (and its code loaded) when it is needed. */
  constructor(path: string, keySourceOf: (header: KeyHeader) => KeySource | Promise<KeySource>) {
    this.path = path;
    this.#aside = `${path}.old`;
    this.#keySourceOf = keySourceOf;
  }

  /** Changes whenever the file is replaced; undefined when there is none. Costs one `lstat`. */
  mark(): string | undefined {
    return fileMark(this.path);
  }

  /** The header with the source of the key, without opening the file; undefined when there is no file. */
  header(): KeyHeader | undefined {
    const bytes = readPrivateFile(this.path);
    return bytes && this.#parse(bytes).key;
  }

  /** The content, or undefined when there is no file. Throws `storage_…` or `keychain_unavailable`; the file is unchanged then. */
  async read(): Promise<string | undefined> {
    const bytes = readPrivateFile(this.path);
    // Without a file nothing is left that a remembered key could open, and the next file may need another.
    if (bytes === undefined) return (this.#opened = undefined);
    const envelope = this.#parse(bytes);
    const remembered = this.#opened?.key;
    try {
      return unseal(envelope, await this.#key(envelope.key));
    } catch (cause) {
      if (cause instanceof AuthError) throw cause;
      // The keychain may hold another key under the same name by now: after everything was removed, and a new login.
      const isOld = remembered !== undefined && remembered === this.#opened?.key;
      this.#opened = undefined;
      if (isOld) return this.read();
      const { message, hint } = (await this.#keySourceOf(envelope.key)).mismatch;
      throw new AuthError("storage_damaged", `"${this.path}" cannot be opened: ${message}`, { hint, cause });
    }
  }

  /** Takes the room for the next content, and for what its key needs. `newHeader`: the key of the next write, if it is not the file's. */
  async reserve(newHeader?: KeyHeader): Promise<Reservation> {
    const header = newHeader ?? this.header();
    const source = header && (await this.#keySourceOf(header));
    await (newHeader === undefined ? source?.successor?.() : source?.prepare?.());
    return (await changes()).reservePrivateFile(this.path, (readPrivateFile(this.path)?.length ?? 0) + 16 * 1024);
  }

  /**
   * Seals a content and replaces the file with it. Without a reservation no more room is taken than the content needs, since the disk may
   * be almost full. Throws `storage_unwritable`; the old file is still there then.
   */
  async write(
    content: string,
    { reservation: given, key: newHeader }: { reservation?: Reservation; key?: KeyHeader } = {},
  ): Promise<void> {
    const reservation = given ?? (await changes()).reservePrivateFile(this.path, 0);
    try {
      const { header, key } = await this.#sealingKey(newHeader);
      // Random nonces under one key are safe for 2^32 writes (SP 800-38D §8.3): a refresh a second for 136 years.
      const nonce = randomBytes(12);
      const unsealed = {
        version: versionOf(header),
        cipher: "AES-256-GCM",
        key: header,
        nonce: nonce.toString("base64"),
      };
      const encipher = createCipheriv(cipher, key, nonce, { authTagLength: tagBytes });
      encipher.setAAD(additionalData(unsealed));
      const ciphertext = Buffer.concat([encipher.update(content, "utf8"), encipher.final(), encipher.getAuthTag()]);
      reservation.commit(serialize({ ...unsealed, ciphertext: ciphertext.toString("base64") }));
    } finally {
      reservation.discard();
    }
  }

  /** Removes the file, and one that was set aside. */
  async remove(): Promise<void> {
    const { removePrivateFile } = await changes();
    removePrivateFile(this.path);
    removePrivateFile(this.#aside);
  }

  /** Moves the file out of the way, unopened. Returns its new path. */
  async setAside(): Promise<string> {
    (await changes()).movePrivateFile(this.path, this.#aside);
    return this.#aside;
  }

  async #key(header: KeyHeader): Promise<Buffer> {
    const text = JSON.stringify(header);
    if (this.#opened?.header !== text)
      this.#opened = { header: text, key: await (await this.#keySourceOf(header)).open(header) };
    return this.#opened.key;
  }

  /** The key for the next write: a new one if a header is given, else that of the file, or its successor. */
  async #sealingKey(newHeader?: KeyHeader): Promise<SealingKey> {
    const header = newHeader ?? this.header();
    if (header === undefined) throw new TypeError("the first write of a sealed file names its key");
    const source = await this.#keySourceOf(header);
    if (newHeader !== undefined) {
      this.#opened = undefined;
      await source.prepare?.();
    }
    return (await source.successor?.()) ?? { header, key: await this.#key(header) };
  }

  #parse(bytes: Buffer): Envelope {
    const damaged = (what: string): AuthError =>
      new AuthError("storage_damaged", `"${this.path}" ${what}`, { hint: startOver });
    let envelope: Envelope;
    try {
      envelope = JSON.parse(bytes.toString("utf8")) as Envelope;
    } catch {
      throw damaged("is damaged: it is cut short or was changed");
    }
    if (typeof envelope?.version === "number" && envelope.version > newestVersion) {
      throw new AuthError(
        "storage_unreadable",
        `"${this.path}" was written by a newer version (format ${envelope.version}; this one reads ${newestVersion})`,
        {
          hint: "Update to the latest version",
        },
      );
    }
    if (!isEnvelope(envelope) || !Buffer.from(serialize(envelope)).equals(bytes))
      throw damaged("is damaged: it was changed");
    return envelope;
  }
}

/** Loaded when something changes: most commands only read. */
function changes(): Promise<typeof import("../../platform/private-file-changes.ts")> {
  return import("../../platform/private-file-changes.ts");
}

/** @throws the error of `node:crypto`, when the key is wrong or a byte was changed */
function unseal(envelope: Envelope, key: Buffer): string {
  const sealed = Buffer.from(envelope.ciphertext, "base64");
  const decipher = createDecipheriv(cipher, key, Buffer.from(envelope.nonce, "base64"), { authTagLength: tagBytes });
  decipher.setAAD(additionalData(envelope));
  decipher.setAuthTag(sealed.subarray(-tagBytes));
  return decipher.update(sealed.subarray(0, -tagBytes), undefined, "utf8") + decipher.final("utf8");
}

function isEnvelope(value: Envelope | null): value is Envelope {
  if (typeof value !== "object" || value === null) return false;
  const { key } = value;
  if (value.cipher !== "AES-256-GCM" || typeof key !== "object" || key === null || value.version !== versionOf(key))
    return false;
  return isKeyHeader(key) && isBase64(value.nonce, 12) && isBase64(value.ciphertext, tagBytes);
}

function isKeyHeader(key: KeyHeader): boolean {
  if (key.source === "keychain") return typeof key.account === "string";
  if (typeof key.salt !== "string") return false;
  if (key.kdf === "hkdf") return key.source === "machine" && typeof key.machineId === "boolean";
  return (key.source === "passphrase" || key.source === "machine") && key.kdf === "scrypt";
}

/** Base64 as this program writes it: no stray bits after the last byte, or a changed bit could go undetected. */
function isBase64(value: unknown, least: number): boolean {
  if (typeof value !== "string") return false;
  const bytes = Buffer.from(value, "base64");
  return bytes.length >= least && bytes.toString("base64") === value;
}

/** The members in a fixed order, so that equal envelopes are equal bytes. */
function serialize({ version, cipher, key, nonce, ciphertext }: Envelope): string {
  return `${JSON.stringify({ version, cipher, key: orderedKey(key), nonce, ciphertext }, null, 2)}\n`;
}

function additionalData({ version, cipher, key, nonce }: Omit<Envelope, "ciphertext">): Buffer {
  return Buffer.from(JSON.stringify({ version, cipher, key: orderedKey(key), nonce }));
}

function orderedKey(key: KeyHeader): KeyHeader {
  if (key.source === "keychain") return { source: key.source, account: key.account };
  if (key.kdf === "hkdf") return { source: key.source, kdf: key.kdf, machineId: key.machineId, salt: key.salt };
  const { source, kdf, N, r, p, salt } = key;
  return { source, kdf, N, r, p, salt };
}
