import type { Settings } from "../app/settings.ts";
import type { Environment } from "../platform/paths.ts";
import type { Profiles } from "../auth/session.ts";
import { finder, type Finding } from "./finding.ts";

const prefix = "SPEC_KITTY_";
/** The variables that are read, and whether their value may be shown. */
const variables: Readonly<Record<string, "shown" | "secret">> = {
  SPEC_KITTY_SAAS_URL: "shown",
  SPEC_KITTY_CLIENT_ID: "shown",
  SPEC_KITTY_PROFILE: "shown",
  SPEC_KITTY_STORAGE: "shown",
  SPEC_KITTY_CONFIG_DIR: "shown",
  SPEC_KITTY_ACCESS_TOKEN: "secret",
  SPEC_KITTY_PASSPHRASE: "secret",
};

/**
 * What is configured, and who said so.
 * @param profiles - undefined when they cannot be read
 */
export function examineConfiguration(settings: Settings, env: Environment, profiles: Profiles | undefined): Finding[] {
  const name = settings.profile?.value ?? profiles?.active;
  return [chosenProfile(settings, profiles), service(settings, profiles, name), ...readVariables(env), ...strangeVariables(env)];
}

function chosenProfile({ profile }: Settings, profiles: Profiles | undefined): Finding {
  const report = finder("D101", "profile");
  if (profile === undefined) return report("ok", profiles ? `"${profiles.active}", the active one` : "the active one, whose name cannot be read");
  const others = [...(profiles?.profiles.keys() ?? [])];
  if (profile.mayBeNew || others.includes(profile.value)) return report("ok", `"${profile.value}", named by ${profile.source}`);
  const known = others.length === 0 ? "there is none" : `there are: ${others.join(", ")}`;
  return report("warning", `"${profile.value}", named by ${profile.source}, is not there; ${known}`, `spec-kitty auth login --profile ${profile.value}`);
}

function service({ service }: Settings, profiles: Profiles | undefined, name: string | undefined): Finding {
  const report = finder("D102", "service");
  const stored = name === undefined ? undefined : profiles?.profiles.get(name);
  if (service === undefined) {
    if (stored) return report("ok", `${stored.service}, remembered by profile "${name}"`);
    return report("critical", "no service is named, by SPEC_KITTY_SAAS_URL or by a profile", "export SPEC_KITTY_SAAS_URL=https://service.example");
  }
  if (stored?.session && stored.service !== service.value) {
    // S-001: so every command would say that nobody is logged in there.
    const said = `${service.source} is ${service.value}, and profile "${name}" is logged in to ${stored.service}, whose tokens go nowhere else`;
    return report("warning", said, `unset ${service.source}`);
  }
  return report("ok", `${service.value}, from ${service.source}`);
}

function readVariables(env: Environment): Finding[] {
  const report = finder("D103", "variable");
  return Object.entries(variables).flatMap(([name, kind]) => {
    const value = env[name]?.trim();
    if (!value) return [];
    if (name === "SPEC_KITTY_ACCESS_TOKEN") return [report("note", `${name} is set: it is used for every request, in the place of the login`)];
    return [report("ok", kind === "secret" ? `${name} is set` : `${name} is ${withoutCredentials(value)}`)];
  });
}

/** The value of an unknown one is not shown: it may be a secret under a name that was mistyped. */
function strangeVariables(env: Environment): Finding[] {
  const strangers = Object.keys(env).filter((name) => name.startsWith(prefix) && !(name in variables) && env[name]);
  const report = finder("D104", "variable");
  return strangers.sort().map((name) => report("warning", `${name} is set, and no such variable is read. These are: ${Object.keys(variables).join(", ")}`, `unset ${name}`));
}

/** Addresses with credentials are refused before this; it costs nothing to be sure. */
function withoutCredentials(value: string): string {
  return value.replace(/\/\/[^/@\s]*@/, "//");
}
