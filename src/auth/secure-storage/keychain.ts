import { AuthError } from "../../errors.ts";
import type { Clock } from "../../platform/clock.ts";
import { Secret } from "../../secret.ts";
import { sessionBusSocket } from "./dbus/session-bus.ts";
import { explainKeychainFailure, keychainUnavailable, whereElse } from "./keychain-failure.ts";
import { SecretService } from "./secret-service.ts";

/** Where 256-bit keys live that the operating system guards: one per account, as base64url text inside a {@link Secret}. */
export interface Keychain {
  /**
   * The key kept for `account`, or undefined when there is none.
   * @throws AuthError `keychain_unavailable`; `storage_damaged` when what is kept there is not a key of ours
   */
  read(account: string): Promise<Secret | undefined>;
  /**
   * Keeps `key`, replacing the one before.
   * @throws AuthError `keychain_unavailable`
   */
  write(account: string, key: Secret): Promise<void>;
  /**
   * Forgets the key; none is fine.
   * @throws AuthError `keychain_unavailable`
   */
  remove(account: string): Promise<void>;
}

/** What {@link createKeychain} takes. */
interface KeychainOptions {
  clock: Clock;
  /** Milliseconds that one call may take altogether; 3000 by default. */
  timeoutMs?: number;
  /** The running system by default. */
  platform?: NodeJS.Platform;
  /** Where the session bus is looked for on Linux; the process's by default. */
  env?: Readonly<Record<string, string | undefined>>;
  /** Loads the native library for macOS and Windows. */
  load?: () => Promise<NativeKeyring>;
}

/** The part of `@napi-rs/keyring` that is used: bytes only, since its `…Password` functions re-encode text on Windows. */
interface NativeKeyring {
  AsyncEntry: new (service: string, account: string) => {
    getSecret(): Promise<ArrayLike<number> | null | undefined>;
    setSecret(secret: Uint8Array): Promise<void>;
    deleteCredential(): Promise<boolean>;
  };
}

const SERVICE = "spec-kitty";
const KEY_BYTES = 32;

/** One operating system's way to keep bytes. */
interface Vault {
  read(account: string, signal: AbortSignal): Promise<Buffer | undefined>;
  write(account: string, key: Buffer, signal: AbortSignal): Promise<void>;
  remove(account: string, signal: AbortSignal): Promise<void>;
}

/**
 * The keychain of this system: macOS Keychain and Windows Credential Manager through the optional native library,
 * elsewhere the Secret Service of the session. Nothing is loaded or connected before the first call, and each call
 * answers within its time limit, whatever the keychain does.
 */
export function createKeychain(options: KeychainOptions): Keychain {
  const { clock, timeoutMs = 3000, platform = process.platform, env = process.env, load = loadNative } = options;
  const vault = platform === "darwin" || platform === "win32" ? nativeVault(load) : secretServiceVault(env);

  async function within<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const done = new AbortController();
    try {
      const working = work(done.signal);
      const late = clock.sleep(timeoutMs, { signal: done.signal }).then(() => {
        throw new AuthError("keychain_unavailable", `the keychain did not answer within ${timeoutMs / 1000} s`, {
          hint: `Unlock or restart it and run the command again, or keep the key elsewhere: ${whereElse}`,
        });
      });
      return await Promise.race([working, late]);
    } catch (error) {
      throw error instanceof AuthError ? error : explainKeychainFailure(error);
    } finally {
      // Ends the wait, and closes the connection on which an answer may still be owed.
      done.abort();
    }
  }

  return {
    read: async (account) => {
      const key = await within((signal) => vault.read(account, signal));
      if (key === undefined) return undefined;
      if (key.length !== KEY_BYTES) {
        throw new AuthError("storage_damaged", `the keychain's entry "${SERVICE}" for "${account}" is not a key of ${KEY_BYTES} bytes`, {
          hint: "Run: spec-kitty auth login",
        });
      }
      return new Secret(key.toString("base64url"));
    },
    write: (account, key) => within((signal) => vault.write(account, Buffer.from(key.reveal(), "base64url"), signal)),
    remove: (account) => within((signal) => vault.remove(account, signal)),
  };
}

function secretServiceVault(env: Readonly<Record<string, string | undefined>>): Vault {
  const attributes = (account: string): Record<string, string> => ({ service: SERVICE, account });
  const socket = (): string => {
    const found = sessionBusSocket(env);
    if (found !== undefined) return found;
    throw keychainUnavailable("no Secret Service: this session has no D-Bus session bus (DBUS_SESSION_BUS_ADDRESS is not set)");
  };
  return {
    read: async (account, signal) => SecretService.use(socket(), signal, (service) => service.read(attributes(account))),
    write: async (account, key, signal) =>
      SecretService.use(socket(), signal, (service) => service.write(attributes(account), `${SERVICE} (${account})`, key)),
    remove: async (account, signal) => SecretService.use(socket(), signal, (service) => service.remove(attributes(account))),
  };
}

// The library's calls run on threads that nothing can cancel, hence no signal: on macOS one may wait behind the
// system's own dialogue after the time limit has passed here.
function nativeVault(load: () => Promise<NativeKeyring>): Vault {
  const entry = async (account: string): Promise<InstanceType<NativeKeyring["AsyncEntry"]>> => {
    const { AsyncEntry } = await load();
    return new AsyncEntry(SERVICE, account);
  };
  return {
    read: async (account) => {
      const secret = await (await entry(account)).getSecret();
      return secret === null || secret === undefined ? undefined : Buffer.from(secret);
    },
    write: async (account, key) => (await entry(account)).setSecret(key),
    remove: async (account) => void (await (await entry(account)).deleteCredential()),
  };
}

async function loadNative(): Promise<NativeKeyring> {
  // Not a literal for the compiler to resolve: the package is optional when this is built, too.
  const library: string = "@napi-rs/keyring";
  try {
    return await import(library);
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split("\n", 1)[0] ?? "") : "";
    const missing = error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND";
    throw keychainUnavailable(missing ? `the optional package "${library}" is not installed` : `"${library}" cannot be loaded: ${reason}`, error);
  }
}
