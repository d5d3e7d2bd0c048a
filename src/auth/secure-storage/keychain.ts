import { AuthError } from "../../base/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import { Secret } from "../../base/secret.ts";
import type { KeychainAnswer, KeychainRequest } from "./keychain-process.ts";

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
export interface KeychainOptions {
  clock: Clock;
  /** Where the keychain is looked for: on Linux the session bus is named here. */
  env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds that one call may take altogether; 3000 by default. */
  timeoutMs?: number;
  /** Asks the keychain; a process of its own by default. */
  ask?: (request: KeychainRequest, env: KeychainOptions["env"], signal: AbortSignal) => Promise<KeychainAnswer>;
}

const service = "spec-kitty";
const keyBytes = 32;
const elsewhere = "spec-kitty auth login --storage file";

/**
 * The keychain of this system: macOS Keychain, Windows Credential Manager, or the Secret Service, through
 * `@napi-rs/keyring`. Each call answers within its time limit, whatever the keychain does.
 */
export function createKeychain({ clock, env, timeoutMs = 3000, ask = askProcess }: KeychainOptions): Keychain {
  const call = async (request: Omit<KeychainRequest, "service">): Promise<Secret | undefined> => {
    const limit = clock.timeout(timeoutMs);
    let answer: KeychainAnswer;
    try {
      answer = await ask({ ...request, service }, env, limit);
    } catch (cause) {
      if (!limit.aborted) throw unavailable(`the keychain cannot be asked (${cause instanceof Error ? cause.message : String(cause)})`, cause);
      throw new AuthError("keychain_unavailable", `the keychain did not answer within ${timeoutMs / 1000} s; it may be waiting to be unlocked`, {
        hint: `Unlock it and run the command again, or keep the key elsewhere: ${elsewhere}`,
      });
    }
    if ("missing" in answer) throw unavailable(`there is no keychain here: the optional package "@napi-rs/keyring" cannot be loaded (${answer.missing})`);
    if ("failed" in answer) throw explain(answer.failed);
    return answer.key === null ? undefined : new Secret(answer.key);
  };
  return {
    async read(account) {
      const key = await call({ operation: "read", account });
      if (key !== undefined && Buffer.from(key.reveal(), "base64url").length !== keyBytes) {
        throw new AuthError("storage_damaged", `the keychain's entry "${service}" for "${account}" is not a key of ${keyBytes} bytes`, {
          hint: "Start afresh: spec-kitty auth logout --all --force, then spec-kitty auth login",
        });
      }
      return key;
    },
    write: async (account, key) => void (await call({ operation: "write", account, key: key.reveal() })),
    remove: async (account) => void (await call({ operation: "remove", account })),
  };
}

/**
 * Asks in a process of its own. The library waits for the keychain on threads that nothing can cancel, and Node waits for
 * its threads before it ends: behind an unlock dialogue that nobody answers, neither `process.exit` nor the end of the
 * event loop would come. A process can be killed. What starts one is loaded here, since no other kind of key needs it.
 */
async function askProcess(request: KeychainRequest, env: KeychainOptions["env"], signal: AbortSignal): Promise<KeychainAnswer> {
  const { spawn } = await import("node:child_process");
  const { keychainProcess } = await import("./keychain-process.ts");
  // Node's own arguments only where the source runs, which needs a loader: `-e` would run the caller's program again, which
  // asks the keychain again, and so on without an end.
  const nodeArguments = keychainProcess.endsWith(".ts") ? process.execArgv : [];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...nodeArguments, keychainProcess], { env, signal, killSignal: "SIGKILL", stdio: ["pipe", "pipe", "ignore"], windowsHide: true });
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    child.once("error", reject);
    child.once("close", (code) => {
      try {
        resolve(JSON.parse(text) as KeychainAnswer);
      } catch {
        // Without a cause: the text may hold the key.
        reject(new Error(`its process ended with ${code}`));
      }
    });
    child.stdin.on("error", () => undefined).end(JSON.stringify(request));
  });
}

/** Says in plain words what the library's own words mean. */
function explain(reason: string): AuthError {
  if (/prompt was dismissed|\bis locked\b|interaction is not allowed/i.test(reason)) {
    return new AuthError("keychain_unavailable", "the keychain is locked", {
      hint: `Unlock it and run the command again, or keep the key elsewhere: ${elsewhere}`,
    });
  }
  if (/did not receive a reply/i.test(reason)) return unavailable("the keychain does not answer");
  if (/no result found/i.test(reason)) return unavailable("the Secret Service has no default keyring to keep a key in");
  return unavailable(`no keychain answers here (${reason})`);
}

function unavailable(message: string, cause?: unknown): AuthError {
  return new AuthError("keychain_unavailable", message, { hint: `Keep the key elsewhere: ${elsewhere}`, cause });
}
