import { keychainProgram } from "../auth/secure-storage/keychain-program.ts";
import { isSelfStart } from "../platform/self.ts";

/**
 * Call this first in a program that is shipped as one executable: where it returns true, the program was started by itself to ask the
 * keychain, has done so, and is to end without doing anything else. Elsewhere it returns false and costs nothing.
 */
export function serveSelf(): boolean {
  if (!isSelfStart()) return false;
  new Function(keychainProgram)();
  return true;
}
