import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

/** The request to the process, as JSON on its standard input: a key must not show in a process list. */
export interface KeychainRequest {
  readonly operation: "read" | "write" | "remove";
  readonly service: string;
  readonly account: string;
  /** For `write`. */
  readonly key?: string;
}

/** Its answer, as JSON on its standard output. */
export type KeychainAnswer = { readonly key: string | null } | { readonly missing: string } | { readonly failed: string };

/** The part of `@napi-rs/keyring` that is used: bytes only, since its text functions re-encode on Windows. */
interface NativeKeyring {
  readonly Entry: new (service: string, account: string, options: { linux: { store: "secret-service" } }) => {
    getSecret(): ArrayLike<number> | null;
    setSecret(secret: Uint8Array): void;
    deleteCredential(): boolean;
  };
}

/** The path of this file, to start it as a program: the only place where the native library is loaded. */
export const keychainProcess: string = fileURLToPath(import.meta.url);

if (process.argv[1] === keychainProcess) {
  process.stdout.write(JSON.stringify(answer(JSON.parse(readFileSync(0, "utf8")) as KeychainRequest)));
}

function answer({ operation, service, account, key = "" }: KeychainRequest): KeychainAnswer {
  let library: NativeKeyring;
  try {
    library = createRequire(import.meta.url)("@napi-rs/keyring") as NativeKeyring;
  } catch (error) {
    return { missing: firstLine(error) };
  }
  try {
    // By name: otherwise the library falls back to the kernel's key ring, which forgets everything at logout.
    const entry = new library.Entry(service, account, { linux: { store: "secret-service" } });
    if (operation === "write") entry.setSecret(Buffer.from(key, "base64url"));
    if (operation === "remove") entry.deleteCredential();
    const secret = operation === "read" ? entry.getSecret() : null;
    return { key: secret && Buffer.from(secret).toString("base64url") };
  } catch (error) {
    return { failed: firstLine(error) };
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n", 1)[0] ?? "";
}
