import type { AppOverrides } from "./overrides.ts";
import { AuthError, hint, type Hint } from "../base/errors.ts";
import type { Identity } from "../base/identity.ts";
import { Secret } from "../base/secret.ts";
import type { Environment } from "../platform/paths.ts";
import type { StorageKind } from "../auth/secure-storage/key-choice.ts";
import { isProfileName } from "../auth/sessions/session.ts";
import type { WorkloadIdentity } from "../auth/workload/workload-identity.ts";
import { parseIssuer, parseServiceUrl } from "../base/address.ts";

/** A value and its source in the user's words: an option such as `--profile`, or a variable's name. */
export interface Setting<T> {
  readonly value: T;
  readonly source: string;
}

/** Undefined: left to the profile, then to the default. */
export interface Settings {
  readonly profile: Setting<string> | undefined;
  readonly service: Setting<string> | undefined;
  readonly issuer: Setting<string> | undefined;
  readonly clientId: Setting<string> | undefined;
  /** Not confidential in a native program. */
  readonly clientSecret: Secret | undefined;
  readonly scope: string | undefined;
  readonly storage: Setting<StorageKind> | undefined;
  /** Sent as is, never stored or refreshed. */
  readonly accessToken: Secret | undefined;
  /** The variable `…_AGENT`: an agent and its secret. Not checked yet. */
  readonly agent: Secret | undefined;
  /** The variables `…_IDENTITY…` or the program's option: an identity to exchange. Not checked yet. */
  readonly workload: Setting<WorkloadIdentity> | undefined;
  readonly passphrase: Secret | undefined;
}

/** The registered public client of the service (RFC 8252 §8.4). */
export const defaultClientId = "cli_native";

/**
 * Options take precedence over variables. A program's profile and storage count like options; its service is the tool's
 * default, which a variable can replace. An empty variable counts as not set.
 */
export function resolveSettings(program: AppOverrides, env: Environment, identity: Identity): Settings {
  const { options = {} } = program;
  const fromProgram = (
    name: "profile" | "storage" | "service" | "issuer" | "clientId",
  ): Setting<string> | undefined => {
    const value = program[name];
    return typeof value === "string" ? { value, source: name } : undefined;
  };
  const fromEnvironment = (name: string): Setting<string> | undefined => {
    const source = identity.variable(name);
    const value = env[source]?.trim();
    return value ? { value, source } : undefined;
  };
  const fromOption = (name: string): Setting<string> | undefined => {
    const value = options[name];
    return typeof value === "string" ? { value, source: `--${name}` } : undefined;
  };
  const typed = fromOption("profile") ?? fromProgram("profile") ?? fromEnvironment("PROFILE");
  if (typed && !isProfileName(typed.value)) {
    throw invalid(
      typed,
      `is "${typed.value}": a profile name may contain only ${nameCharacters}`,
      hint`Try: --profile work`,
    );
  }
  const storage = fromOption("storage") ?? fromProgram("storage") ?? fromEnvironment("STORAGE");
  if (storage && !isStorageKind(storage)) {
    const example = options["storage"] === undefined ? { variable: "STORAGE", value: "file" } : "--storage file";
    throw invalid(storage, `is "${storage.value}", not one of keychain, file, memory`, hint`Try: ${example}`);
  }
  const workload = workloadOf(program.identity, fromEnvironment);
  const service =
    fromOption("service") ??
    fromEnvironment("SAAS_URL") ??
    fromProgram("service") ??
    fromProgram("issuer") ??
    (workload?.value.issuer === undefined ? undefined : { value: workload.value.issuer, source: workload.source });
  const issuer = fromOption("issuer") ?? fromProgram("issuer");
  const accessToken = fromEnvironment("ACCESS_TOKEN");
  const agent = fromEnvironment("AGENT");
  const passphrase = env[identity.variable("PASSPHRASE")];
  const clientSecret = fromEnvironment("CLIENT_SECRET")?.value ?? program.clientSecret;
  // Otherwise the runtime refuses the header and quotes the token. Not quoted here either (S-005).
  if (accessToken && !/^[\x21-\x7e]+$/.test(accessToken.value)) {
    throw invalid(
      accessToken,
      "is not an access token: only ASCII letters, digits and punctuation are allowed",
      hint`Set it to the token, without "Bearer": ${{ variable: "ACCESS_TOKEN", value: "…" }}`,
    );
  }
  return {
    profile: typed,
    service: service && { ...service, value: parseServiceUrl(service.value, service.source) },
    issuer: issuer && { ...issuer, value: parseIssuer(issuer.value, issuer.source) },
    clientId: fromOption("client-id") ?? fromEnvironment("CLIENT_ID") ?? fromProgram("clientId"),
    clientSecret: clientSecret === undefined ? undefined : new Secret(clientSecret),
    scope: program.scope,
    storage,
    accessToken: accessToken && new Secret(accessToken.value),
    agent: agent && new Secret(agent.value),
    workload,
    passphrase: passphrase ? new Secret(passphrase) : undefined,
  };
}

/** Without types a misspelled option would silently do nothing. */
export function requireKnownOptions(program: AppOverrides): void {
  const unknown = Object.keys(program).find((name) => !Object.hasOwn(optionNames, name));
  if (unknown !== undefined) throw new TypeError(`"${unknown}" is not an option`);
  requireSeal(program.seal);
}

/** At once, and not with the first login that is to be stored. */
function requireSeal(seal: unknown): void {
  if (seal === undefined || seal === false) return;
  if (typeof seal === "object" && seal !== null && "wrap" in seal && "unwrap" in seal) return;
  const keys: readonly unknown[] = Array.isArray(seal) ? seal : [seal];
  if (keys.length === 0 || !keys.every((key) => key instanceof Uint8Array && key.length === 32))
    throw new TypeError("seal must be a 32-byte key, a list of such keys, a KMS, or false");
}

const optionNames: Record<keyof AppOverrides, true> = {
  toolIdentity: true,
  options: true,
  command: true,
  profile: true,
  service: true,
  issuer: true,
  clientId: true,
  clientSecret: true,
  scope: true,
  identity: true,
  redirectPath: true,
  trustedHosts: true,
  env: true,
  cwd: true,
  clock: true,
  fetch: true,
  folder: true,
  storage: true,
  store: true,
  login: true,
  seal: true,
  silentAfterMs: true,
  sessions: true,
  browser: true,
  keychain: true,
  onTraffic: true,
  log: true,
};

/** The environment as other programs get it. */
export function withoutSecrets(variables: Environment, identity: Identity): Environment {
  const secret = new Set(secretVariables.map((name) => identity.variable(name)));
  return Object.fromEntries(Object.entries(variables).filter(([name]) => !secret.has(name.toUpperCase())));
}

/** Passed to no other program. */
export const secretVariables: readonly string[] = ["ACCESS_TOKEN", "PASSPHRASE", "CLIENT_SECRET", "ID_TOKEN", "AGENT"];

/** Each variable before the program's option. */
function workloadOf(
  program: string | WorkloadIdentity | undefined,
  variable: (name: string) => Setting<string> | undefined,
): Setting<WorkloadIdentity> | undefined {
  const own = typeof program === "string" ? { source: program } : program;
  const named = variable("IDENTITY") ?? (own && { value: own.source, source: "identity" });
  if (named === undefined) return undefined;
  const value = {
    source: named.value,
    issuer: variable("IDENTITY_ISSUER")?.value ?? own?.issuer,
    grant: variable("IDENTITY_GRANT")?.value ?? own?.grant,
    audience: variable("IDENTITY_AUDIENCE")?.value ?? own?.audience,
    resource: variable("IDENTITY_RESOURCE")?.value ?? own?.resource,
    scope: variable("IDENTITY_SCOPE")?.value ?? own?.scope,
    tokenType: variable("IDENTITY_TOKEN_TYPE")?.value ?? own?.tokenType,
  };
  return { value, source: named.source };
}

const nameCharacters = 'letters, digits, ".", "_" and "-", at most 64 of them';

function isStorageKind(setting: Setting<string>): setting is Setting<StorageKind> {
  return ["keychain", "file", "memory"].includes(setting.value);
}

function invalid(setting: Setting<string>, what: string, hint: Hint): AuthError {
  return new AuthError(
    setting.source.startsWith("--") ? "usage_invalid" : "configuration_invalid",
    `${setting.source} ${what}`,
    { hint },
  );
}
