import { createHash } from "node:crypto";

/**
 * A value that does not print itself: a token, a code, a verifier, a key. String conversion, template literals and
 * `JSON.stringify` give `[secret]`, and `console.log` shows no private field, so that forgetting to redact is not a
 * leak. Only {@link Secret.reveal} gives the value, and only what sends it or seals it calls that.
 */
export class Secret {
  readonly #value: string;

  /** `value`: as it came over the wire, or was made. */
  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself, for the request or the seal. */
  reveal(): string {
    return this.#value;
  }

  /** Whether both hold the same value. For two values that are ours; what a stranger sent is compared in constant time. */
  equals(other: Secret): boolean {
    return this.#value === other.#value;
  }

  /** A name for the value that does not tell it: SHA-256, in hex. Only for values that nobody can guess, such as tokens. */
  fingerprint(): string {
    return createHash("sha256").update(this.#value).digest("hex");
  }

  /** `[secret]`. */
  toString(): string {
    return "[secret]";
  }

  /** `[secret]`. */
  toJSON(): string {
    return "[secret]";
  }
}
