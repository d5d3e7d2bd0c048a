import { dirname, join } from "node:path";
import { AuthError, hint, loginAnew, type Hint } from "../../base/errors.ts";
import type { Identity } from "../../base/identity.ts";
import type { Clock } from "../../platform/clock.ts";
import { stateVariable } from "../../platform/paths.ts";
import { readPrivateFile } from "../../platform/private-files.ts";
import type { KeySource } from "./key-slot.ts";

// Not imported: see private-files.ts.
const { createHash, hkdfSync, randomBytes } = process.getBuiltinModule("node:crypto");
const { readFileSync } = process.getBuiltinModule("node:fs");

export interface MachineKeyOptions {
  /** Each tool has its own keys, even with a shared secret. */
  readonly identity: Identity;
  /** The secret's directory, from `stateFolder`; throws without a home. Never that of the file that the key opens. */
  readonly folder: () => string;
  readonly platform: NodeJS.Platform;
  readonly clock: Clock;
  /** By default from the system. */
  readonly machine?: () => string | undefined;
}

/**
 * The key without a passphrase: derived from a random secret that only this user can read, in another directory than
 * the file's, and from the machine's id if it has one. So a copy of the file or its directory is useless, even with all
 * that other users can read here (the machine's id, names, numbers). A copy of the whole home is not, with the
 * machine's id; nor is anything safe from this user's own programs.
 *
 * The secret has 256 bits and cannot be guessed, so a fast derivation is enough (HKDF, RFC 5869).
 */
export function machineKey({ identity, folder, platform, clock, machine = machineId }: MachineKeyOptions): KeySource {
  const path = (): string => join(folder(), "credentials.secret");
  const variable = stateVariable(platform);
  const startOver = loginAnew();
  const restore = hint`Restore it from a backup, or set ${variable} as it was at login. If it is lost, log in again: ${startOver}`;
  const read = async (): Promise<Buffer | undefined> => {
    const text = (await about(variable, () => readPrivateFile(path())))?.toString("latin1");
    if (text === undefined || /^[0-9a-f]{64}$/.test(text))
      return text === undefined ? undefined : Buffer.from(text, "hex");
    throw new AuthError("storage_unreadable", `"${path()}" does not contain a secret of this program: it was changed`, {
      // Never replaced while it exists: it may be repairable.
      hint: hint`Restore it from a backup. If it is lost, move it away and log in again: ${{ run: ["mv", path(), `${path()}.old`] }}, then ${startOver}`,
    });
  };
  const id = machine();
  // Not a parameter's default: a machine without an id is not asked again.
  const digestHere = id === undefined ? "" : machineDigest(id);
  const derive = (secret: Buffer, salt: string): Buffer =>
    Buffer.from(hkdfSync("sha256", secret, Buffer.from(salt, "base64"), JSON.stringify([identity.name, id ?? ""]), 32));
  const digestOf = (secret: Buffer): string =>
    Buffer.from(hkdfSync("sha256", secret, "", JSON.stringify([identity.name, "digest"]), 6)).toString("hex");
  const prepare = async (): Promise<void> => {
    const { ensurePrivateFolder, replacePrivateFile } = await import("../../platform/private-file-changes.ts");
    const { acquireProcessLock } = await import("../../platform/process-lock/process-lock.ts");
    await about(variable, async () => {
      ensurePrivateFolder(dirname(path()));
      const lock = await acquireProcessLock(`${path()}.lock`, { clock, timeoutMs: 10_000 });
      try {
        // The first secret stays: another process may have sealed a key with it.
        if (readPrivateFile(path()) === undefined) replacePrivateFile(path(), randomBytes(32).toString("hex"));
      } finally {
        lock.release();
      }
    });
  };
  return {
    mismatch: { message: "it was changed, or the machine's ID was", hint: restore },
    async open({ way, machine: of, host }) {
      if (way.source !== "machine") throw new TypeError("not a key of this machine");
      const secret = await read();
      const isOurSecret = secret !== undefined && digestOf(secret) === way.secret;
      if (of !== digestHere) throw elsewhere(host, isOurSecret, id === undefined);
      if (secret === undefined)
        throw new AuthError("storage_unreadable", `the secret of the session is missing: "${path()}"`, {
          hint: restore,
        });
      if (!isOurSecret)
        throw new AuthError(
          "storage_damaged",
          `the session was sealed with a different secret than the one in "${path()}"`,
          { hint: restore },
        );
      return derive(secret, way.salt);
    },
    async create() {
      if ((await read()) === undefined) await prepare();
      const secret = await read();
      if (secret === undefined) throw new TypeError("the secret that was just stored is gone");
      const salt = randomBytes(16).toString("base64");
      return { way: { source: "machine", kdf: "hkdf", secret: digestOf(secret), salt }, key: derive(secret, salt) };
    },
  };
}

/** For what another machine sealed: neither damaged nor a wrong passphrase. */
function elsewhere(host: string, hasSecret: boolean, hasNoId: boolean): AuthError {
  const id = hasNoId ? "its ID (/etc/machine-id) cannot be read here" : "the machine has a different ID";
  const why = hasSecret ? `: the secret is right, but ${id}` : "";
  return new AuthError(
    "storage_unreadable",
    `the stored logins belong to another machine or container ("${host}")${why}`,
    {
      hint: hint`To share them, set ${{ variable: "PASSPHRASE" }} there and here, and log in there again. To log in here and leave them: ${loginAnew()}`,
    },
  );
}

/** Does not reveal the id; empty without one. */
export function machineDigest(id: string | undefined = machineId()): string {
  return id === undefined ? "" : createHash("sha256").update(`machine ${id}`).digest("hex").slice(0, 12);
}

/** One for each machine, since several may share the home. */
export function clocksFile(folder: string, digest: string): string {
  return join(folder, `clocks-${digest || "here"}.json`);
}

/** Readable by every user; undefined where the system has none (macOS, Windows, many containers). */
function machineId(): string | undefined {
  // There, such a path is on the working directory's drive.
  if (process.platform === "win32") return undefined;
  for (const path of ["/etc/machine-id", "/var/lib/dbus/machine-id"]) {
    try {
      const id = readFileSync(path, "utf8").trim();
      // In a systemd image before its first boot (machine-id(5)).
      if (id !== "" && id !== "uninitialized") return id;
    } catch {}
  }
  return undefined;
}

/** Says that an error is about the secret, and names its directory's variable in the hint. */
async function about<T>(variable: string, action: () => T | Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof AuthError)) throw error;
    const isOfOtherFolder = error.next.some((part) => typeof part === "object" && "variable" in part);
    const elsewhere: Hint = hint`Set ${variable} to a writable directory you own, or log in with a passphrase: set ${{ variable: "PASSPHRASE" }}`;
    throw new AuthError(error.code, `cannot store or read the secret of the session's key: ${error.message}`, {
      hint: isOfOtherFolder ? elsewhere : error.next,
      cause: error,
    });
  }
}
