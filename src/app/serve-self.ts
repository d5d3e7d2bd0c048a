import { keychainProgram } from "../auth/secure-storage/keychain-program.ts";
import { isSelfStart } from "../platform/self.ts";

/**
 * Call this first in a program shipped as one executable; if it returns true, exit: the process was started only to ask
 * the keychain.
 */
export function serveSelf(): boolean {
  if (!isSelfStart()) return false;
  new Function(keychainProgram)();
  return true;
}
