import type { Keychain } from "../auth/secure-storage/keychain.ts";
import { startOver } from "../auth/secure-storage/sealed-file.ts";
import { isAuthError } from "../base/errors.ts";
import { finder, type Finding } from "./finding.ts";

/** An account that no session has: reading it asks the keychain and finds nothing. */
const probe = "doctor";

const names: Partial<Record<NodeJS.Platform, string>> = {
  darwin: "the macOS Keychain",
  win32: "the Windows Credential Manager",
};

/** Whether the OS keychain answers and is persistent. `account`: the entry that the sessions need, if they need one. */
export async function examineKeychain(keychain: Keychain, account: string | undefined, platform: NodeJS.Platform): Promise<Finding> {
  const report = finder("D601", "keychain");
  try {
    const key = await keychain.read(account ?? probe);
    // The Secret Service is asked for by name: the kernel's key ring, which would answer instead, forgets at logout.
    const answers = `${names[platform] ?? "the Secret Service"} answers and is persistent`;
    if (account === undefined) return report("ok", `${answers}; it is not in use`);
    if (key !== undefined) return report("ok", `${answers}; it has the key of the sessions`);
    return report("critical", `it answers, but no longer has the key of the sessions ("${account}")`, startOver);
  } catch (error) {
    if (!isAuthError(error)) throw error;
    const said = error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
    // Where the sessions need no keychain, a missing one is not a fault.
    return account === undefined ? report("note", `${said}; it is not in use`) : report("critical", said, error.next);
  }
}
