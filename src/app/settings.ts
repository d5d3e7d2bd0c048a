import { AuthError } from "../base/errors.ts";
import type { Environment } from "../platform/paths.ts";
import { Secret } from "../base/secret.ts";
import type { Setting, StorageKind } from "../auth/secure-storage/choice.ts";
import { parseIssuer, parseServiceUrl } from "../http/address.ts";

/** The profile that was named, and by whom. */
export interface ProfileSetting extends Setting<string> {
  /** Whether a login may make this profile: one that the user has typed, and not one that a file has named. */
  readonly mayBeNew: boolean;
}

/** What the user has said, by option or variable. What is undefined is left to the profile, then to the default. */
export interface Settings {
  readonly profile: ProfileSetting | undefined;
  readonly service: Setting<string> | undefined;
  /** Who issues the tokens, where that is not the service itself. */
  readonly issuer: Setting<string> | undefined;
  readonly clientId: Setting<string> | undefined;
  readonly storage: Setting<StorageKind> | undefined;
  /** `SPEC_KITTY_ACCESS_TOKEN`: used as it is for every request, never stored or refreshed. */
  readonly accessToken: Secret | undefined;
  /** `SPEC_KITTY_PASSPHRASE`: what the file's key is derived from. */
  readonly passphrase: Secret | undefined;
}

/** The options of the command line that are settings. */
export interface SettingOptions {
  readonly profile?: string | undefined;
  readonly storage?: string | undefined;
  readonly issuer?: string | undefined;
  readonly "client-id"?: string | undefined;
}

/** The registered public client of the service (RFC 8252 §8.4). */
export const defaultClientId = "cli_native";

/**
 * Reads the settings: an option before a variable, and for the profile both before the folder's file.
 *
 * @param options - from the command line
 * @param env - the process's environment; an empty variable counts as not set
 * @param file - the file that names the profile of the working folder, as it was found
 * @throws {@link AuthError} `usage_invalid` for an option, `configuration_invalid` for a variable
 */
export function resolveSettings(options: SettingOptions, env: Environment, file?: { path: string; text: string }): Settings {
  const pick = (name: keyof SettingOptions, variable: string): Setting<string> | undefined => {
    const option = options[name];
    if (option !== undefined) return { value: option, source: `--${name}` };
    return fromEnvironment(env, variable);
  };
  const typed = pick("profile", "SPEC_KITTY_PROFILE");
  if (typed && !profileName.test(typed.value)) {
    throw invalid(typed, `is "${typed.value}": a profile's name is ${namesAre}`, "Try: --profile work");
  }
  const storage = pick("storage", "SPEC_KITTY_STORAGE");
  if (storage && !isStorageKind(storage)) {
    throw invalid(storage, `is "${storage.value}", not one of keychain, file, memory`, `Try: ${storage.source.startsWith("--") ? "--storage file" : `export ${storage.source}=file`}`);
  }
  const service = fromEnvironment(env, "SPEC_KITTY_SAAS_URL");
  const issuer = options.issuer;
  const accessToken = fromEnvironment(env, "SPEC_KITTY_ACCESS_TOKEN")?.value;
  const passphrase = env["SPEC_KITTY_PASSPHRASE"];
  // Else the runtime refuses the header, and quotes the token in saying so. It is not quoted here either (S-005).
  if (accessToken && !/^[\x21-\x7e]+$/.test(accessToken)) {
    throw new AuthError("configuration_invalid", "SPEC_KITTY_ACCESS_TOKEN holds no access token, which is letters, digits and signs without a blank or a line break", {
      hint: "Set it to the token alone, without \"Bearer\": export SPEC_KITTY_ACCESS_TOKEN=…",
    });
  }
  return {
    // A token from the environment goes to the chosen profile's service, and a stranger's file must not choose that for it.
    profile: typed ? { ...typed, mayBeNew: true } : file && !accessToken ? profileOfFolder(file) : undefined,
    service: service && { ...service, value: parseServiceUrl(service.value, service.source) },
    issuer: issuer === undefined ? undefined : { value: parseIssuer(issuer, "--issuer"), source: "--issuer" },
    clientId: pick("client-id", "SPEC_KITTY_CLIENT_ID"),
    storage,
    accessToken: accessToken ? new Secret(accessToken) : undefined,
    passphrase: passphrase ? new Secret(passphrase) : undefined,
  };
}

const profileName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const namesAre = 'letters, digits, ".", "_" and "-", 64 at most';

/**
 * A cloned repository brings its files along, so this one is a stranger's as likely as the user's. All it can do is to
 * choose among the profiles that the user has made: their addresses were typed by the user, and every token stays with the
 * service that issued it. An address in here would send the user to a login page of the stranger's.
 */
function profileOfFolder({ path, text }: { path: string; text: string }): ProfileSetting {
  const value = text.trim();
  if (profileName.test(value)) return { value, source: path, mayBeNew: false };
  throw new AuthError("configuration_invalid", `"${path}" holds no profile's name, which is one line of ${namesAre}`, {
    hint: "Correct or remove the file, or name the profile yourself: --profile NAME",
  });
}

function fromEnvironment(env: Environment, variable: string): Setting<string> | undefined {
  const value = env[variable]?.trim();
  return value ? { value, source: variable } : undefined;
}

function isStorageKind(setting: Setting<string>): setting is Setting<StorageKind> {
  return ["keychain", "file", "memory"].includes(setting.value);
}

function invalid(setting: Setting<string>, what: string, hint: string): AuthError {
  return new AuthError(setting.source.startsWith("--") ? "usage_invalid" : "configuration_invalid", `${setting.source} ${what}`, { hint });
}
