import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { AuthError } from "../../base/errors.ts";
import type { Reservation } from "../../platform/files.ts";
import { fileMark, readPrivateFile, removePrivateFile, reservePrivateFile } from "../../platform/private-files.ts";
import type { KeyHeader, Vault } from "./vault.ts";

/** Where keys come from: the OS keychain, a passphrase, this machine. */
export interface KeySource {
  /**
   * The 256-bit key that a header names.
   * @throws AuthError `keychain_unavailable` or `storage_unreadable`, saying what is missing
   */
  open(header: KeyHeader): Promise<Buffer>;
  /** Where `open` may give a key that was kept: makes it anew, as if none had been kept, and keeps that. */
  openAfresh?(header: KeyHeader): Promise<Buffer>;
  /** What to say when the key does not open the file: most likely the wrong key, or else a changed file. */
  readonly mismatch: { readonly message: string; readonly hint: string };
}

interface Envelope {
  readonly version: number;
  readonly cipher: string;
  readonly key: KeyHeader;
  readonly nonce: string;
  readonly ciphertext: string;
}

const cipher = "aes-256-gcm";
const tagBytes = 16;
const version = 1;

/**
 * One file, sealed with AES-256-GCM (NIST SP 800-38D). The header, which says in the open where the key comes from, is
 * authenticated with the content, and the file must be byte for byte what this program would have written: so a changed
 * byte anywhere is noticed, white space and unused base64 bits included.
 */
export class SealedFile implements Vault {
  readonly path: string;
  readonly #keySourceOf: (source: KeyHeader["source"]) => KeySource;
  #opened: { header: string; key: Buffer } | undefined;

  /**
   * @param path - the file, in a private folder
   * @param keySourceOf - the key source of a given name, made when it is needed
   */
  constructor(path: string, keySourceOf: (source: KeyHeader["source"]) => KeySource) {
    this.path = path;
    this.#keySourceOf = keySourceOf;
  }

  /** Changes whenever the file is replaced; undefined when there is none. Costs one `lstat`. */
  mark(): string | undefined {
    return fileMark(this.path);
  }

  /** What the file says of its key, without opening it; undefined when there is no file. */
  header(): KeyHeader | undefined {
    const bytes = readPrivateFile(this.path);
    return bytes && this.#parse(bytes).key;
  }

  /**
   * Opens the file.
   *
   * @returns its content, or undefined when there is no file
   * @throws AuthError `storage_unsafe`, `storage_damaged`, `storage_unreadable` or `keychain_unavailable`; the file is as it was
   */
  async read(): Promise<string | undefined> {
    return this.#read(false);
  }

  async #read(afresh: boolean): Promise<string | undefined> {
    const bytes = readPrivateFile(this.path);
    // Without a file nothing is left that a remembered key could open, and what is written next may need another.
    if (bytes === undefined) return (this.#opened = undefined);
    const envelope = this.#parse(bytes);
    const remembered = this.#opened?.key;
    try {
      return unseal(envelope, await this.#key(envelope.key, afresh));
    } catch (cause) {
      if (cause instanceof AuthError) throw cause;
      // A keychain can have another key under the same name by now: everything was removed, and somebody logged in again.
      const isOld = remembered !== undefined && remembered === this.#opened?.key;
      this.#opened = undefined;
      if (isOld) return this.#read(false);
      const { openAfresh, mismatch: { message, hint } } = this.#keySourceOf(envelope.key.source);
      // Where a key is kept, anything can have become of it; the file is judged by one that was made for it now.
      if (openAfresh && !afresh) return this.#read(true);
      throw new AuthError("storage_damaged", `"${this.path}" cannot be opened: ${message}`, { hint, cause });
    }
  }

  /** Takes the room for the next content, before anything is done that cannot be done twice. */
  reserve(): Reservation {
    return reservePrivateFile(this.path, (readPrivateFile(this.path)?.length ?? 0) + 16 * 1024);
  }

  /**
   * Seals a content and puts it in the file's place.
   *
   * @param content - the new content
   * @param options - `reservation`: room taken before by {@link SealedFile.reserve}, else no more is taken than the content
   *   needs, on a disk that may be all but full; `key`: another key from now on
   * @throws AuthError `storage_unwritable`; the old file is still there
   */
  async write(content: string, { reservation = reservePrivateFile(this.path, 0), key: newHeader }: { reservation?: Reservation; key?: KeyHeader } = {}): Promise<void> {
    try {
      const header = newHeader ?? this.header();
      if (header === undefined) throw new TypeError("the first write of a sealed file names its key");
      // A kept key that nothing has proved opens what it seals here for as long as it is kept, and not longer.
      const key = await this.#key(header, newHeader !== undefined);
      // Random nonces under one key are safe for 2^32 writes (SP 800-38D §8.3): a refresh a second for 136 years.
      const nonce = randomBytes(12);
      const unsealed = { version, cipher: "AES-256-GCM", key: header, nonce: nonce.toString("base64") };
      const encipher = createCipheriv(cipher, key, nonce, { authTagLength: tagBytes });
      encipher.setAAD(additionalData(unsealed));
      const ciphertext = Buffer.concat([encipher.update(content, "utf8"), encipher.final(), encipher.getAuthTag()]);
      reservation.commit(serialize({ ...unsealed, ciphertext: ciphertext.toString("base64") }));
    } finally {
      reservation.discard();
    }
  }

  /** Removes the file. */
  remove(): void {
    removePrivateFile(this.path);
  }

  async #key(header: KeyHeader, afresh = false): Promise<Buffer> {
    const text = JSON.stringify(header);
    if (afresh || this.#opened?.header !== text) {
      const source = this.#keySourceOf(header.source);
      this.#opened = { header: text, key: await ((afresh && source.openAfresh?.(header)) || source.open(header)) };
    }
    return this.#opened.key;
  }

  #parse(bytes: Buffer): Envelope {
    const damaged = (what: string): AuthError =>
      new AuthError("storage_damaged", `"${this.path}" ${what}`, { hint: "Start afresh: spec-kitty auth logout --all --force, then spec-kitty auth login" });
    let envelope: Envelope;
    try {
      envelope = JSON.parse(bytes.toString("utf8")) as Envelope;
    } catch {
      throw damaged("is damaged: it is cut short or was changed");
    }
    if (typeof envelope?.version === "number" && envelope.version > version) {
      throw new AuthError("storage_unreadable", `"${this.path}" was written by a newer version (format ${envelope.version}; this one reads ${version})`, {
        hint: "Update: npm install -g spec-kitty@latest",
      });
    }
    if (!isEnvelope(envelope) || !Buffer.from(serialize(envelope)).equals(bytes)) throw damaged("is damaged: it was changed");
    return envelope;
  }
}

/** @throws what `node:crypto` does, when the key is not the one or a byte was changed */
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
  if (value.version !== version || value.cipher !== "AES-256-GCM" || typeof key !== "object" || key === null) return false;
  const known =
    key.source === "keychain"
      ? typeof key.account === "string"
      : (key.source === "passphrase" || key.source === "machine") && key.kdf === "scrypt" && typeof key.salt === "string";
  return known && isBase64(value.nonce, 12) && isBase64(value.ciphertext, tagBytes);
}

/** Base64 as this program writes it: no stray bits after the last byte, or a changed one could go unnoticed. */
function isBase64(value: unknown, least: number): boolean {
  if (typeof value !== "string") return false;
  const bytes = Buffer.from(value, "base64");
  return bytes.length >= least && bytes.toString("base64") === value;
}

/** The members in their one order, so that equal envelopes are equal bytes. */
function serialize({ version, cipher, key, nonce, ciphertext }: Envelope): string {
  return `${JSON.stringify({ version, cipher, key: orderedKey(key), nonce, ciphertext }, null, 2)}\n`;
}

function additionalData({ version, cipher, key, nonce }: Omit<Envelope, "ciphertext">): Buffer {
  return Buffer.from(JSON.stringify({ version, cipher, key: orderedKey(key), nonce }));
}

function orderedKey(key: KeyHeader): KeyHeader {
  if (key.source === "keychain") return { source: key.source, account: key.account };
  const { source, kdf, N, r, p, salt } = key;
  return { source, kdf, N, r, p, salt };
}
