import { createHash, randomBytes } from "node:crypto";
import { AuthError, isAuthError, hint, login } from "../../base/errors.ts";
import type { Identity } from "../../base/identity.ts";
import { Secret } from "../../base/secret.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Environment } from "../../platform/paths.ts";
import type { askKeychainProcess, KeychainAnswer, KeychainRequest } from "./keychain-process.ts";
import { startOver, type KeySlots } from "./data-key.ts";
import type { KeySource } from "./key-slot.ts";
import type { SimpleKeychain } from "./simple-keychain.ts";

/** 256-bit keys by account, as base64url. Calls may throw {@link AuthError} `keychain_unavailable`. */
export interface Keychain {
  /** Throws `storage_damaged` when the entry is not a key of this tool. */
  read(account: string): Promise<Secret | undefined>;
  write(account: string, key: Secret): Promise<void>;
  remove(account: string): Promise<void>;
}

interface KeychainOptions {
  /** Its name is the service of the entries. */
  identity: Identity;
  clock: Clock;
  /** For the library of a single executable. */
  folder: () => string;
  /** On Linux it names the session bus; missing variables come from this process. */
  env: Environment;
  /** For one call in all, in milliseconds; 3000 by default. */
  timeoutMs?: number;
  /** A process of its own by default. */
  ask?: typeof askKeychainProcess;
}

const keyBytes = 32;
const useFile = login(undefined, "--storage", "file");
/** A login reads sealed sessions first, unless told otherwise. */
const useFileInstead = login(undefined, "--storage", "file", "--force");
const unlock = hint`Unlock it and try again, or store the key elsewhere: ${useFile}`;

/**
 * The system's keychain: macOS Keychain, Windows Credential Manager, or the Secret Service, through `@napi-rs/keyring`.
 * Each call ends within its time limit, whatever the keychain does.
 */
export function createKeychain({ identity, clock, folder, env, timeoutMs = 3000, ask }: KeychainOptions): Keychain {
  const service = identity.name;
  const call = async (request: Omit<KeychainRequest, "service">): Promise<Secret | undefined> => {
    const limit = clock.timeout(timeoutMs);
    let answer: KeychainAnswer;
    try {
      answer = await (ask ?? (await import("./keychain-process.ts")).askKeychainProcess)(
        { ...request, service },
        env,
        limit,
        folder(),
      );
    } catch (cause) {
      // The library's directory is unknown.
      if (cause instanceof AuthError) throw cause;
      if (!limit.aborted)
        throw unavailable(
          `the keychain is not accessible (${cause instanceof Error ? cause.message : String(cause)})`,
          cause,
        );
      const waited = `${timeoutMs / 1000} s`;
      throw new AuthError(
        "keychain_unavailable",
        `the keychain did not respond within ${waited}: it may be waiting to be unlocked`,
        { hint: unlock },
      );
    }
    if (!("key" in answer)) throw explain(answer);
    return answer.key === null ? undefined : new Secret(answer.key);
  };
  return {
    async read(account) {
      const key = await call({ operation: "read", account });
      if (key !== undefined && Buffer.from(key.reveal(), "base64url").length !== keyBytes) {
        throw new AuthError(
          "storage_damaged",
          `the keychain's entry "${service}" for "${account}" is not a key of ${keyBytes} bytes`,
          { hint: startOver },
        );
      }
      return key;
    },
    write: async (account, key) => void (await call({ operation: "write", account, key: key.reveal() })),
    remove: async (account) => void (await call({ operation: "remove", account })),
  };
}

/** The embedding program's, or none. */
export function keychainOf(own: SimpleKeychain | false): Keychain {
  const asked = async <T>(ask: (keychain: SimpleKeychain) => T): Promise<Awaited<T>> => {
    if (own === false) throw unavailable("this program uses no keychain");
    try {
      return await ask(own);
    } catch (cause) {
      throw unavailable(
        `the program's keychain failed (${cause instanceof Error ? cause.message : String(cause)})`,
        cause,
      );
    }
  };
  return {
    async read(account) {
      const text = await asked((keychain) => keychain.get(account));
      return text === undefined ? undefined : new Secret(text);
    },
    write: (account, key) => asked((keychain) => keychain.set(account, key.reveal())),
    remove: (account) => asked((keychain) => keychain.delete(account)),
  };
}

/** The keychain entry of the sessions' key; undefined if none, or unreadable. */
export function keychainAccount(slots: KeySlots): string | undefined {
  try {
    const way = slots.own()?.way;
    return way?.source === "keychain" ? way.account : undefined;
  } catch (error) {
    if (isAuthError(error)) return undefined;
    throw error;
  }
}

/** The key that a slot names in the keychain. New slots use the entry of `account`. */
export function keychainKey(keychain: Keychain, account: string): KeySource {
  return {
    mismatch: {
      message: "the keychain has a different key, or the file was changed",
      hint: startOver,
    },
    async open({ way }) {
      if (way.source !== "keychain") throw new TypeError("not a keychain key");
      const key = await keychain.read(way.account).catch((error: unknown) => {
        throw whereSealed(error);
      });
      if (key !== undefined) return Buffer.from(key.reveal(), "base64url");
      throw new AuthError(
        "keychain_unavailable",
        `the key of the session is missing from the keychain ("${way.account}")`,
        { hint: startOver },
      );
    },
    /** Written and read back: a locked keychain must show before there is a session to lose. */
    async create() {
      let key = await keychain.read(account);
      if (key === undefined) {
        const fresh = new Secret(randomBytes(keyBytes).toString("base64url"));
        await keychain.write(account, fresh);
        key = await keychain.read(account);
        if (key === undefined || !key.equals(fresh)) {
          throw new AuthError("keychain_unavailable", "the keychain does not return the stored key", {
            hint: hint`Run: ${useFile}`,
          });
        }
      }
      return { way: { source: "keychain", account }, key: Buffer.from(key.reveal(), "base64url") };
    },
  };
}

/** For a keychain that has the sessions' key: the way out is a login without them. */
export function whereSealed(error: unknown): unknown {
  if (!(error instanceof AuthError)) return error;
  return new AuthError(error.code, error.message, {
    hint: error.next.map((part) => (part === useFile ? useFileInstead : part)),
    cause: error.cause,
  });
}

function explain(answer: Exclude<KeychainAnswer, { key: unknown }>): AuthError {
  if ("failed" in answer) return explainFailure(answer.failed);
  if ("missing" in answer)
    return unavailable(
      `no OS keychain is available: cannot load the optional package "@napi-rs/keyring" (${answer.missing})`,
    );
  if ("noNode" in answer) return unavailable(`cannot start the Node.js process for the keychain (${answer.noNode})`);
  const { path, uid, mode } = answer.open;
  const isOurs = uid === process.geteuid?.() || uid === 0;
  const who = isOurs
    ? `can be changed by others (mode ${mode.toString(8).padStart(4, "0")})`
    : `belongs to another user (uid ${uid})`;
  const next = isOurs ? hint`Run: ${{ run: ["chmod", "go-w", path] }}. Or store` : hint`Store`;
  return new AuthError("keychain_unavailable", `the keychain's library is not loaded, since "${path}" ${who}`, {
    hint: hint`${next} the key elsewhere: ${useFile}`,
  });
}

function explainFailure(reason: string): AuthError {
  if (/prompt was dismissed|\bis locked\b|interaction is not allowed/i.test(reason)) {
    return new AuthError("keychain_unavailable", "the keychain is locked", { hint: unlock });
  }
  if (/did not receive a reply/i.test(reason)) return unavailable("the keychain does not respond");
  if (/no result found/i.test(reason)) return unavailable("the Secret Service has no default keychain for the key");
  // The library's words, such as those of D-Bus, are for the doctor, not for a user about to log in.
  return unavailable("no OS keychain is available", new Error(reason));
}

function unavailable(message: string, cause?: unknown): AuthError {
  return new AuthError("keychain_unavailable", message, {
    hint: hint`Store the key elsewhere: ${useFile}. In a program, pass "storage"`,
    cause,
  });
}

/** Derived, not random: an abandoned login leaves no entry that the next one does not use. */
export function keychainAccountOf(folder: string): string {
  return `sessions-${createHash("sha256").update(folder).digest("hex").slice(0, 12)}`;
}
