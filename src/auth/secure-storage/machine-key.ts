import { hkdfSync, randomBytes } from "node:crypto";
import { dirname, join } from "node:path";
import { AuthError, hint, login, type Hint } from "../../base/errors.ts";
import type { Identity } from "../../base/identity.ts";
import type { Clock } from "../../platform/clock.ts";
import { stateVariable } from "../../platform/paths.ts";
import { readPrivateFile } from "../../platform/private-files.ts";
import type { KeySource } from "./sealed-file.ts";
import type { KeyHeader } from "./vault.ts";

// Not imported: see private-files.ts.
const { readFileSync } = process.getBuiltinModule("node:fs");

export interface MachineKeyOptions {
  /** The tool: each has keys of its own, even where two share a secret. */
  readonly identity: Identity;
  /** The folder of the secret, from `stateFolder`; fails where there is no home. Never the folder of the file that the key opens. */
  readonly folder: () => string;
  readonly platform: NodeJS.Platform;
  readonly clock: Clock;
  /** The machine's; by default the system is asked. */
  readonly machine?: () => string | undefined;
}

export type MachineKey = KeySource & Required<Pick<KeySource, "prepare">>;

/** A header with a fresh salt, for a new key of this machine and user. */
export function newMachineHeader(): KeyHeader {
  // A machine may get an id later, or lose it: the header says which kind of key it was.
  return {
    source: "machine",
    kdf: "hkdf",
    machineId: machineId() !== undefined,
    salt: randomBytes(16).toString("base64"),
  };
}

/**
 * The key without a passphrase: derived from a random secret that only this user can read, in a folder other than the file's, and from
 * the id of the machine where it has one. So a copy of the file or of its folder is of no use to anybody, also together with what other
 * users can read here (the machine's id, names, numbers). A copy of the whole home is, to those who know the machine's id, and so is
 * everything to this user's own programs.
 *
 * The secret has 256 bits, so that nothing can be guessed, and a fast derivation will do (HKDF, RFC 5869).
 */
export function machineKey({ identity, folder, platform, clock, machine = machineId }: MachineKeyOptions): MachineKey {
  const path = (): string => join(folder(), "credentials.secret");
  const variable = stateVariable(platform);
  const startOver = login(undefined, "--force");
  const restore = hint`Restore it from a backup, or set ${variable} to what it was at login. If it is lost: ${startOver}`;
  const read = async (): Promise<Buffer | undefined> => {
    const text = (await about(variable, () => readPrivateFile(path())))?.toString("latin1");
    if (text === undefined || /^[0-9a-f]{64}$/.test(text))
      return text === undefined ? undefined : Buffer.from(text, "hex");
    throw new AuthError("storage_unreadable", `"${path()}" does not contain a secret of this program: it was changed`, {
      // Never replaced by a new one as long as it is there: somebody may still repair it.
      hint: hint`Restore it from a backup. If it is lost: ${{ run: ["mv", path(), `${path()}.old`] }}, then ${startOver}`,
    });
  };
  return {
    get mismatch() {
      const message = `it was sealed on another machine or with a secret other than the one in "${path()}", or it was changed`;
      return { message, hint: restore };
    },
    async open(header) {
      if (!isMachineHeader(header)) throw new TypeError("not a key of this machine");
      const id = header.machineId ? machine() : "";
      if (id === undefined) {
        throw new AuthError(
          "storage_unreadable",
          "the session is sealed with the machine's ID, and /etc/machine-id cannot be read",
          {
            hint: hint`Restore that file, or let this program read it. If it is lost: ${startOver}`,
          },
        );
      }
      const secret = await read();
      if (secret === undefined)
        throw new AuthError(
          "storage_unreadable",
          `the secret that opens the session is missing: there is no "${path()}"`,
          { hint: restore },
        );
      return Buffer.from(
        hkdfSync("sha256", secret, Buffer.from(header.salt, "base64"), JSON.stringify([identity.name, id]), 32),
      );
    },
    async prepare() {
      if ((await read()) !== undefined) return;
      const { ensurePrivateFolder, replacePrivateFile } = await import("../../platform/private-file-changes.ts");
      const { acquireProcessLock } = await import("../../platform/process-lock/process-lock.ts");
      await about(variable, async () => {
        ensurePrivateFolder(dirname(path()));
        const lock = await acquireProcessLock(`${path()}.lock`, { clock, timeoutMs: 10_000 });
        try {
          // The first secret stays: a file of another process may be sealed with it already.
          if (readPrivateFile(path()) === undefined) replacePrivateFile(path(), randomBytes(32).toString("hex"));
        } finally {
          lock.release();
        }
      });
    },
  };
}

function isMachineHeader(header: KeyHeader): header is Extract<KeyHeader, { kdf: "hkdf" }> {
  return header.source === "machine" && header.kdf === "hkdf";
}

/** The id of this machine, which every user can read; undefined where the system has none (macOS, Windows, many containers). */
export function machineId(): string | undefined {
  // There, such a path is one of the working folder's drive.
  if (process.platform === "win32") return undefined;
  for (const path of ["/etc/machine-id", "/var/lib/dbus/machine-id"]) {
    try {
      const id = readFileSync(path, "utf8").trim();
      // What systemd writes into an image, for the first boot to replace (machine-id(5)).
      if (id !== "" && id !== "uninitialized") return id;
    } catch {
      // The next one.
    }
  }
  return undefined;
}

/** Says of an error that it is about the secret, and names the variable of its folder where the hint names that of the sessions. */
async function about<T>(variable: string, action: () => T | Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof AuthError)) throw error;
    const isOfOtherFolder = error.next?.some((part) => typeof part === "object" && "variable" in part);
    const elsewhere: Hint = hint`Set ${variable} to a writable folder that you own, or log in with a passphrase: set ${{ variable: "PASSPHRASE" }}`;
    throw new AuthError(error.code, `the secret of the session's key cannot be stored or read: ${error.message}`, {
      ...(error.next && { hint: isOfOtherFolder ? elsewhere : error.next }),
      cause: error,
    });
  }
}
