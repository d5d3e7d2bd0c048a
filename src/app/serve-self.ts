import { keychainProgram } from "../auth/secure-storage/keychain-program.ts";
import { isSelfStart } from "../platform/self.ts";

/**
 * For a program shipped as one executable: call this first, and exit if it returns true. The process was then started
 * only to ask the keychain.
 */
export function serveSelf(): boolean {
  if (!isSelfStart()) return false;
  new Function(keychainProgram)();
  return true;
}
