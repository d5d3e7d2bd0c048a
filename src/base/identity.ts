/** Those of a tool; absent ones do not exist. */
export interface OwnCommands {
  readonly login: string;
  /** The login with `setAside`; without it, hints say what to move away. */
  readonly setAside?: string;
  readonly logout?: string;
  readonly status?: string;
  readonly list?: string;
  readonly switch?: string;
  readonly doctor?: string;
}

export interface Identity {
  /** Names the directory, the keychain entry and the completions: `spec-kitty`. */
  readonly name: string;
  readonly version: string;
  /** Undefined where users name them. */
  readonly service?: string | undefined;
  readonly clientId?: string | undefined;
  /** What users type to run it; the name by default. */
  readonly command: string;
  /** Undefined: this package's commands, after {@link Identity.command}. */
  readonly commands?: OwnCommands | undefined;
  /** `spec-kitty/1.2.0` (RFC 9110 §10.1.5). */
  readonly userAgent: string;
  /** `PROFILE` is `SPEC_KITTY_PROFILE`. */
  variable(name: string): string;
}

/**
 * @param options - `name`: lower-case letters, digits and dashes, as in a package's name; `version`: the tool's own;
 *   `commands`: its own commands, if any
 * @throws TypeError for a name unusable as directory and variable
 */
export function createIdentity({
  name,
  version,
  commands,
}: {
  readonly name: string;
  readonly version: string;
  readonly commands?: OwnCommands | undefined;
}): Identity {
  const isName = typeof name === "string" && name.length <= 64 && /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name);
  if (!isName)
    throw new TypeError(
      `"${String(name)}" is not a valid tool name: a name has at most 64 lower-case letters, digits and single dashes`,
    );
  // Sent in a header, and shown.
  const isVersion = typeof version === "string" && /^[\x21-\x7e]{1,100}$/.test(version);
  if (!isVersion)
    throw new TypeError(
      `${JSON.stringify(version)} is not a valid tool version: a version is one word, such as "1.2.0"`,
    );
  const prefix = `${name.replaceAll("-", "_").toUpperCase()}_`;
  return {
    name,
    version,
    command: name,
    commands,
    userAgent: `${name}/${version}`,
    variable: (variable) => prefix + variable,
  };
}

/** A test compares the version with the manifest. */
export const ownIdentity: Identity = createIdentity({ name: "spec-kitty", version: "0.1.0" });
