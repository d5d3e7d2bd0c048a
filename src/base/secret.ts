// Most commands need neither, and an import would load all of WebCrypto too. Not called `crypto`: a bundle that is read
// as a script shares that name with the global.
const cryptography = (): typeof import("node:crypto") => process.getBuiltinModule("node:crypto");

/** How many objects hold each: every read of a session makes another. */
const live = new Map<string, number>();
const forgotten = new FinalizationRegistry<string>((value) => {
  const left = (live.get(value) ?? 0) - 1;
  if (left > 0) live.set(value, left);
  else live.delete(value);
});

/**
 * A token, code, verifier or key that does not print itself. String conversion, template literals and `JSON.stringify`
 * give `[secret]`, and `console.log` shows no private field: forgetting to redact is no leak. Only what sends or seals
 * the value calls {@link Secret.reveal}.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
    live.set(value, (live.get(value) ?? 0) + 1);
    forgotten.register(this, value);
  }

  reveal(): string {
    return this.#value;
  }

  /** One from outside needs {@link Secret.matches}. */
  equals(other: Secret): boolean {
    return this.#value === other.#value;
  }

  /**
   * By digests: the time reveals neither the length nor the first wrong character.
   * @internal
   */
  matches(found: string): boolean {
    const { createHash, timingSafeEqual } = cryptography();
    const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
    return timingSafeEqual(digest(found), digest(this.#value));
  }

  /** SHA-256, in hex. Only for values that cannot be guessed. */
  fingerprint(): string {
    return cryptography().createHash("sha256").update(this.#value).digest("hex");
  }

  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }
}

/** Shorter values, such as a careless passphrase, occur in ordinary words. */
const leastLength = 8;

/**
 * A service, a proxy or the runtime may quote what it was sent, and error messages end up in logs (S-005). Also finds
 * secrets encoded for a form body, a URL or JSON.
 */
export function redact(text: string): string {
  if (text.length < leastLength) return text;
  let clean = text;
  for (const value of live.keys()) {
    if (value.length < leastLength || value.length > clean.length) continue;
    for (const spelling of spellings(value))
      if (clean.includes(spelling)) clean = clean.replaceAll(spelling, "[secret]");
  }
  return clean;
}

function spellings(value: string): Iterable<string> {
  // No encoding changes most tokens, and there may be thousands.
  if (/^[\w.*-]*$/.test(value)) return [value];
  const inForm = new URLSearchParams({ "": value }).toString().slice(1);
  return new Set([value, encodeURIComponent(value), inForm, JSON.stringify(value).slice(1, -1)]);
}

/** Redacted before it is cut: half of a secret would not be recognized. */
export function excerpt(text: string, length: number): string {
  return redact(text).slice(0, length);
}

/** Parameters without secrets, of our own requests and common services. */
const openParameter =
  /^(audience|binding_ref|client_id|code_challenge_method|count|direction|error|error_description|fields|format|include|lang|limit|locale|offset|order|order_by|page|page_size|per_page|project_slug|prompt|provider|response_type|scope|since|sort|until|version)$/i;

/**
 * A URL for a log: without credentials, and with the values of known harmless parameters only. A list of secret ones
 * cannot be complete (`jwt`, `SAMLResponse`, `sig`, a bare ticket).
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

/** For a log: also every URL as in {@link maskedAddress}. */
export function withoutSecrets(text: string): string {
  return redact(text.replace(/\b(?:https?|wss?):[/\\]{2}[^\s"'<>]+/gi, maskedAddress));
}
