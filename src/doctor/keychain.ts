import { AuthError } from "../base/errors.ts";
import type { Keychain } from "../auth/secure-storage/keychain.ts";
import { failed, finder, type Finding } from "./finding.ts";

/** An account that no session has: reading it asks the keychain and finds nothing. */
const probe = "doctor";

const persistent: Partial<Record<NodeJS.Platform, string>> = {
  darwin: "the macOS Keychain",
  win32: "the Windows Credential Manager",
};

/**
 * Whether the OS keychain answers, and keeps what it is given.
 * @param account - the entry that the sessions need; undefined when they do not need one
 */
export async function examineKeychain(keychain: Keychain, account: string | undefined, platform: NodeJS.Platform): Promise<Finding> {
  const report = finder("D601", "keychain");
  try {
    const key = await keychain.read(account ?? probe);
    // The Secret Service is asked for by name: the kernel's key ring, which would answer in its place, forgets at logout.
    const which = `${persistent[platform] ?? "the Secret Service"} answers, and keeps what it is given`;
    if (account === undefined) return report("ok", `${which}; it is not in use`);
    if (key !== undefined) return report("ok", `${which}; it has the key of the sessions`);
    const afresh = "spec-kitty auth logout --all --force, then spec-kitty auth login";
    return report("critical", `it answers, and has no key for the sessions ("${account}") any more`, afresh);
  } catch (error) {
    // Where the sessions do without one, none is no fault.
    if (account !== undefined || !(error instanceof AuthError)) return failed(report, error);
    return report("note", `${error.message}; it is not in use`);
  }
}
