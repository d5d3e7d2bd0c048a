import { AuthError } from "../../errors.ts";
import { DBusError } from "./dbus/session-bus.ts";
import { SecretServiceRefusal } from "./secret-service.ts";

/** The command that does without a keychain, for hints. */
export const whereElse: string = "spec-kitty auth login --storage file";

/** Says in plain words what a keychain's own error means. */
export function explainKeychainFailure(error: unknown): AuthError {
  const text = error instanceof Error ? error.message : "";
  if (error instanceof SecretServiceRefusal) {
    if (error.reason === "locked") {
      const hint = `Unlock it, then run the command again, or keep the key elsewhere: ${whereElse}`;
      return new AuthError("keychain_unavailable", "the keychain is locked", { hint, cause: error });
    }
    if (error.reason === "no_collection") return keychainUnavailable("the Secret Service has no default keyring to keep a key in", error);
    if (error.reason === "dismissed") return keychainUnavailable("the keychain's question was answered with no", error);
    return keychainUnavailable("the Secret Service sent an answer that makes no sense", error);
  }
  if (error instanceof DBusError) {
    const name = error.errorName;
    if (name.endsWith(".ServiceUnknown") || name.endsWith(".NameHasNoOwner")) {
      return keychainUnavailable("no Secret Service answers on this session's bus", error);
    }
    if (name.endsWith(".IsLocked")) return explainKeychainFailure(new SecretServiceRefusal("locked"));
    if (name.includes(".Spawn.")) return keychainUnavailable(`the Secret Service could not be started: ${text}`, error);
    return keychainUnavailable(`the Secret Service refused: ${text || name}`, error);
  }
  if (error instanceof Error && "syscall" in error) {
    return keychainUnavailable(`no Secret Service: this session's bus cannot be reached (${text})`, error);
  }
  return keychainUnavailable(`the keychain failed: ${text}`, error);
}

/** The error for a keychain that is not there, as opposed to one that is locked or slow. */
export function keychainUnavailable(message: string, cause?: unknown): AuthError {
  return new AuthError("keychain_unavailable", message, { hint: `Keep the key elsewhere: ${whereElse}`, cause });
}
