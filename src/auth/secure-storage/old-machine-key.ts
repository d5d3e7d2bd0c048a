import { lstatSync, readdirSync, rmSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";
import type { Identity } from "../../base/identity.ts";
import type { Environment } from "../../platform/paths.ts";
import { userName } from "../../platform/paths.ts";
import { machineId, newMachineHeader, type MachineKey } from "./machine-key.ts";
import { scryptKey } from "./passphrase-key.ts";
import { startOver, type KeySource } from "./sealed-file.ts";

/**
 * The key of files that were sealed before there was a secret: derived from the machine's id, or its host name, and the user's number. Every
 * user of the machine can derive it, so the next write seals the file with the key of the secret.
 */
export function oldMachineKey(fingerprint: string, successor: MachineKey): KeySource {
  return {
    mismatch: { message: "it was sealed on another machine or by another user, or it was changed", hint: startOver },
    open: async (header) => scryptKey(Buffer.from(fingerprint), header),
    async successor() {
      try {
        await successor.prepare();
        const header = newMachineHeader();
        return { header, key: await successor.open(header) };
      } catch {
        // No room for a secret, say. What is written now must not be lost for that, and a later write tries again.
        return undefined;
      }
    },
  };
}

/** What distinguished a machine and user from others. */
export function oldFingerprint({ name }: Identity): string {
  return JSON.stringify([name, machineId() ?? hostname(), process.getuid?.() ?? userName()]);
}

/**
 * Removes the keys that earlier versions kept in the user's runtime folder, to save the time of scrypt. Nothing reads them anymore,
 * but they open older copies of the file. A link in the folder's place, which any user can plant in a temporary folder, is left alone.
 */
export function removeCachedKeys({ name }: Identity, env: Environment): void {
  const uid = process.getuid?.();
  const runtime = uid === undefined ? undefined : env["XDG_RUNTIME_DIR"];
  const folder =
    runtime && isAbsolute(runtime) ? join(runtime, name) : join(tmpdir(), uid === undefined ? name : `${name}-${uid}`);
  try {
    const stats = lstatSync(folder);
    if (!stats.isDirectory() || (uid !== undefined && stats.uid !== uid)) return;
    for (const file of readdirSync(folder))
      if (/^[0-9a-f]{32}\.key$/.test(file)) rmSync(join(folder, file), { force: true });
  } catch {
    // There is none, most likely.
  }
}
