import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto";

const cipher = "aes-256-gcm";
const nonceBytes = 12;
const tagBytes = 16;
/** The format and the cipher, for a reader and for a later version. */
const header = Buffer.from("1 AES-256-GCM\n");

/**
 * Seals a text with AES-256-GCM (NIST SP 800-38D). Every byte of the result is authenticated.
 *
 * The key is derived from the given one and the name of what is sealed: a text that was put in the place of another does not open there,
 * and random nonces (safe for 2^32 texts under one key, SP 800-38D §8.3) last for each name alone, however many logins there are.
 */
export function seal(text: string, key: Uint8Array, name: string): Buffer {
  const nonce = randomBytes(nonceBytes);
  const encipher = createCipheriv(cipher, keyFor(name, key), nonce, { authTagLength: tagBytes });
  encipher.setAAD(header);
  return Buffer.concat([header, nonce, encipher.update(text, "utf8"), encipher.final(), encipher.getAuthTag()]);
}

/** The text that was sealed under a name; undefined when the key or the name is another one, or a byte was changed. */
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
