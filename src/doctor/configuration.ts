import type { App } from "../app/app.ts";
import { secretVariables } from "../app/settings.ts";
import { unknownProfile, type ProfileInUse } from "../auth/sessions/session.ts";
import { hint } from "../base/errors.ts";
import { ownIdentity } from "../base/identity.ts";
import { reportOn, type Finding } from "./finding.ts";

/** Not secret. */
const variables = [
  "SAAS_URL",
  "CLIENT_ID",
  "PROFILE",
  "STORAGE",
  "CONFIG_DIR",
  "TRACE",
  "IDENTITY",
  ...["ISSUER", "GRANT", "AUDIENCE", "RESOURCE", "SCOPE", "TOKEN_TYPE"].map((name) => `IDENTITY_${name}`),
];

/** `inUse`: undefined when the profiles cannot be read. */
export function examineConfiguration(app: App, inUse: ProfileInUse | undefined, names: readonly string[]): Finding[] {
  return [chosenProfile(app, inUse, names), service(app, inUse), ...knownVariables(app), ...unknownVariables(app)];
}

function chosenProfile(
  { settings, tokenSource }: App,
  inUse: ProfileInUse | undefined,
  names: readonly string[],
): Finding {
  const report = reportOn("D101", "profile");
  const { name = settings.profile?.value, source = settings.profile?.source } = inUse ?? {};
  if (source === undefined) return report("ok", "the active one; its name cannot be read");
  if (inUse !== undefined && inUse.profile === undefined && source !== "active" && tokenSource === undefined) {
    const { message, next } = unknownProfile(inUse, names);
    return report("warning", message, next);
  }
  return report("ok", `"${name}", ${source === "active" ? "the active one" : `named by ${source}`}`);
}

function service({ identity, settings }: App, inUse: ProfileInUse | undefined): Finding {
  const report = reportOn("D102", "service");
  const { service } = settings;
  const { name, profile: stored } = inUse ?? {};
  if (service === undefined) {
    if (stored) return report("ok", `${stored.service}, saved in profile "${name}"`);
    const fix = { variable: "SAAS_URL", value: "https://service.example" };
    return report("critical", `neither ${identity.variable("SAAS_URL")} nor a profile names a service`, [fix]);
  }
  // Not by an option or variable.
  const isBuiltIn = /^[a-z]/.test(service.source);
  if (stored?.session && stored.service !== service.value) {
    // S-001: every command would report "not logged in" there.
    const said = `${isBuiltIn ? `the service of ${identity.command}` : service.source} is ${service.value}, but profile "${name}" is logged in to ${stored.service}, and its tokens go only there`;
    return report(
      "warning",
      said,
      isBuiltIn ? hint`Choose another profile: ${{ command: "auth switch" }}` : [{ set: service.source, value: null }],
    );
  }
  return report("ok", `${service.value}, ${isBuiltIn ? `built into ${identity.command}` : `from ${service.source}`}`);
}

function knownVariables({ env, identity, settings, tokenSource }: App): Finding[] {
  const report = reportOn("D103", "variable");
  const shown = variables.flatMap((variable) => {
    const value = env[identity.variable(variable)]?.trim();
    return value ? [report("ok", `${identity.variable(variable)} is ${withoutCredentials(value)}`)] : [];
  });
  return [
    ...shown,
    ...(tokenSource ? [report("note", `${tokenSource.origin} is set, and takes precedence over the login`)] : []),
    ...(settings.passphrase ? [report("ok", `${identity.variable("PASSPHRASE")} is set`)] : []),
  ];
}

/** Without values: one may be a secret under a mistyped name. */
function unknownVariables({ env, identity }: App): Finding[] {
  const report = reportOn("D104", "unknown variable");
  const known = [...variables, ...secretVariables].map((variable) => identity.variable(variable));
  const unknown = Object.keys(env).filter(
    (name) => name.startsWith(identity.variable("")) && !known.includes(name) && env[name],
  );
  const said = (name: string): string => `${name} is not a known variable. Known variables: ${known.join(", ")}`;
  // Another tool's prefix is its author's: the variable may be the program's own, such as the issuer it passes.
  const isOwn = identity.name === ownIdentity.name;
  return unknown
    .sort()
    .map((name) => (isOwn ? report("warning", said(name), [{ set: name, value: null }]) : report("note", said(name))));
}

/** Refused earlier; this makes sure. */
function withoutCredentials(value: string): string {
  return value.replace(/\/\/[^/@\s]*@/, "//");
}
