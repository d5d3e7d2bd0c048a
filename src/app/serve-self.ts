import { keychainProgram } from "../auth/secure-storage/keychain-program.ts";
import { isSelfStart } from "../platform/self.ts";

/**
 * Call this first in a program shipped as one executable. True: it was started by itself to ask the keychain, has done
 * so, and must end at once. Otherwise returns false and costs nothing.
 */
export function serveSelf(): boolean {
  if (!isSelfStart()) return false;
  new Function(keychainProgram)();
  return true;
}
