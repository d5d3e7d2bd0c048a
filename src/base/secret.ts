import { createHash, timingSafeEqual } from "node:crypto";

/** The secrets that this process still has, for {@link redact}, and how many objects hold each: a session that is read often makes many. */
const live = new Map<string, number>();
const forgotten = new FinalizationRegistry<string>((value) => {
  const left = (live.get(value) ?? 0) - 1;
  if (left > 0) live.set(value, left);
  else live.delete(value);
});

/**
 * A value that does not print itself: a token, a code, a verifier, a key. String conversion, template literals and
 * `JSON.stringify` give `[secret]`, and `console.log` shows no private field, so that forgetting to redact is not a
 * leak. Only {@link Secret.reveal} gives the value, and only what sends it or seals it calls that.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
    live.set(value, (live.get(value) ?? 0) + 1);
    forgotten.register(this, value);
  }

  /** The value itself, for the request or the seal. */
  reveal(): string {
    return this.#value;
  }

  /** Whether both hold the same value. For two values of this process: one from outside has to be compared in constant time. */
  equals(other: Secret): boolean {
    return this.#value === other.#value;
  }

  /**
   * Whether a text from outside is the value. Digests are compared, so that the time it takes reveals neither the length nor the first
   * wrong character. @internal
   */
  matches(found: string): boolean {
    const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
    return timingSafeEqual(digest(found), digest(this.#value));
  }

  /** A name for the value that does not reveal it: SHA-256, in hex. Only for values that cannot be guessed, such as tokens. */
  fingerprint(): string {
    return createHash("sha256").update(this.#value).digest("hex");
  }

  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }
}

/** Shorter values, such as a careless passphrase, occur in ordinary words by chance. */
const leastLength = 8;

/**
 * Text in which every secret of this process is replaced: a service, a proxy or the runtime may quote what it was sent, and an
 * error's message ends up in logs (S-005). Also finds the value as it is spelled in a form body, in an address or in JSON.
 */
export function redact(text: string): string {
  if (text.length < leastLength) return text;
  let clean = text;
  for (const value of live.keys()) {
    if (value.length < leastLength) continue;
    const inForm = new URLSearchParams({ "": value }).toString().slice(1);
    for (const spelling of new Set([value, encodeURIComponent(value), inForm, JSON.stringify(value).slice(1, -1)])) {
      if (clean.includes(spelling)) clean = clean.replaceAll(spelling, "[secret]");
    }
  }
  return clean;
}

/** The beginning of a text from outside, for a message. It is cut after the secrets were replaced: half of one would not be recognized. */
export function excerpt(text: string, length: number): string {
  return redact(text).slice(0, length);
}

/** Parameters of an address whose values are no secrets, of our own requests and of usual services. */
const openParameter =
  /^(audience|binding_ref|client_id|code_challenge_method|count|direction|error|error_description|fields|format|include|lang|limit|locale|offset|order|order_by|page|page_size|per_page|project_slug|prompt|provider|response_type|scope|since|sort|until|version)$/i;

/**
 * An address as it may be logged, relative ones too: without user name and password, and with the values of only those parameters that are
 * known to be harmless. Which others are secrets nobody can list (`jwt`, `SAMLResponse`, `sig`, a bare ticket).
 */
export function maskedAddress(address: string): string {
  const [, place = "", rest = ""] = /^([^?#]*)(.*)$/s.exec(address) ?? [];
  const masked = rest.replace(
    /([?#&;])([^?#&;=]*)(=?)([^?#&;]*)/g,
    (_, mark: string, name: string, equals: string, value: string) =>
      `${mark}${equals ? name : name && "[secret]"}${equals}${value === "" || openParameter.test(name) ? value : "[secret]"}`,
  );
  return place.replace(/^((?:[a-z][\w+.-]*:)?[/\\]*)[^/\\]*@/i, "$1[secret]@") + masked;
}

/** A text that may be logged: without the secrets of this process, and with every address as {@link maskedAddress} shows it. */
export function withoutSecrets(text: string): string {
  return redact(text.replace(/\b(?:https?|wss?):[/\\]{2}[^\s"'<>]+/gi, maskedAddress));
}
