import { randomBytes } from "node:crypto";
import { AuthError, hint } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import { seal, unseal } from "../secure-storage/data-key.ts";
import { keyOfPassphrase } from "../secure-storage/passphrase-key.ts";

/**
 * Seals logins in a shared store (AES-256-GCM, each bound to the name of its entry): a key of 32 bytes; several, of
 * which the first seals; a KMS, which gets 32 random bytes for each text and returns them; or false for plain text.
 */
export type Seal =
  | Uint8Array
  | readonly Uint8Array[]
  | { wrap(key: Uint8Array): Promise<Uint8Array>; unwrap(wrapped: Uint8Array): Promise<Uint8Array> }
  | false;

export interface Sealer {
  seal(key: string, text: string): Promise<string>;
  /** Undefined if this program did not store it under that key. */
  open(key: string, stored: string): Promise<string | undefined>;
}

/** The sealed text, and the way to its key. */
interface Envelope {
  readonly version: 1;
  readonly sealed: string;
  readonly wrapped?: string;
  readonly salt?: string;
}

const keyBytes = 32;

/**
 * @param how - the program's option
 * @param passphrase - the user's variable, if the program has no option
 * @throws {@link AuthError} `configuration_invalid` without either: plain text must be requested
 */
export function sealerOf(how: Seal | undefined, passphrase: Secret | undefined): Sealer {
  if (how === false) return { seal: async (_, text) => text, open: async (_, stored) => stored };
  if (how === undefined) {
    if (passphrase !== undefined) return passphraseSealer(passphrase);
    throw new AuthError("configuration_invalid", "a shared store needs a key to seal the logins in it", {
      hint: hint`Pass seal: a key of 32 bytes, or set ${{ variable: "PASSPHRASE" }}`,
    });
  }
  if ("wrap" in how) return wrappingSealer(how);
  const keys = how instanceof Uint8Array ? [how] : how;
  return sealer(
    // Never empty: the option was checked.
    async () => ({ key: keys[0] as Uint8Array }),
    async () => keys,
  );
}

function wrappingSealer({ wrap, unwrap }: Extract<Seal, { wrap: unknown }>): Sealer {
  return sealer(
    async () => {
      const key = randomBytes(keyBytes);
      return { key, wrapped: Buffer.from(await wrap(key)).toString("base64") };
    },
    async ({ wrapped = "" }) => [await unwrap(Buffer.from(wrapped, "base64"))],
  );
}

function passphraseSealer(passphrase: Secret): Sealer {
  // Derived once per salt: a server with thousands of logins has one of its own, and meets its peers'.
  const known = new Map<string, Promise<Buffer>>();
  const keyOf = (salt: string): Promise<Buffer> => {
    const key = known.get(salt) ?? keyOfPassphrase(passphrase, salt);
    known.set(salt, key);
    return key;
  };
  const own = randomBytes(16).toString("base64");
  return sealer(
    async () => ({ key: await keyOf(own), salt: own }),
    async ({ salt = "" }) => [await keyOf(salt)],
  );
}

function sealer(
  newKey: () => Promise<Pick<Envelope, "wrapped" | "salt"> & { readonly key: Uint8Array }>,
  keysOf: (envelope: Envelope) => Promise<readonly Uint8Array[]>,
): Sealer {
  return {
    async seal(name, text) {
      const { key, ...way } = await newKey();
      return JSON.stringify({
        version: 1,
        ...way,
        sealed: seal(text, key, name).toString("base64"),
      } satisfies Envelope);
    },
    async open(name, stored) {
      const envelope = parse(stored);
      if (envelope === undefined) return undefined;
      const bytes = Buffer.from(envelope.sealed, "base64");
      for (const key of await keysOf(envelope)) {
        const text = unseal(bytes, key, name);
        if (text !== undefined) return text;
      }
      return undefined;
    },
  };
}

function parse(stored: string): Envelope | undefined {
  try {
    const value = JSON.parse(stored) as Partial<Envelope> | null;
    if (value?.version !== 1 || typeof value.sealed !== "string") return undefined;
    // Nothing has authenticated them yet.
    const isWay = [value.wrapped, value.salt].every((way) => way === undefined || typeof way === "string");
    return isWay ? (value as Envelope) : undefined;
  } catch {
    return undefined;
  }
}
