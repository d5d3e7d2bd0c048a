import { keychainProgram } from "../auth/secure-storage/keychain-program.ts";
import { isSelfStart } from "../platform/self.ts";

/**
 * Call this first in a program shipped as one executable, and exit at once if it returns true: the process was started
 * only to ask the keychain, and has done so.
 */
export function serveSelf(): boolean {
  if (!isSelfStart()) return false;
  new Function(keychainProgram)();
  return true;
}
