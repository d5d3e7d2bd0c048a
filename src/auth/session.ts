import { dirname } from "node:path";
import { AuthError, NotAuthenticatedError, hint, login, type Hint } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import type { AuthorizationServer, KnownServer } from "./oauth/authorization-server.ts";
import type { ChosenProvider } from "./oauth/named-providers.ts";
import type { IdTokenClaims } from "./oauth/id-token.ts";
import type { Team, UserInfo } from "./oauth/user-info.ts";

/** How the user was authorized. */
export type AuthFlow = "authorization_code" | "device_code";

/** One login: the user, the server and the tokens. Times are milliseconds since 1970 unless they say otherwise. */
export interface Session {
  /** The server that issued the tokens, as it was at login. They are sent to it and to the service, and nowhere else. */
  readonly server: AuthorizationServer;
  /** The `client_id` of the login. */
  readonly clientId: string;
  /** The secret that the server gave to the client, if it did. */
  readonly clientSecret?: Secret | undefined;
  /** RFC 6749 §1.4. */
  readonly accessToken: Secret;
  /** How the access token is presented: alone, or with a proof of the key that it is bound to. */
  readonly tokenType: "Bearer" | "DPoP";
  /** The key that the tokens are bound to (RFC 9449); undefined when the server does not bind tokens, or the user declined. */
  readonly dpopKey?: Secret | undefined;
  /** Undefined when the server issued none: the session then expires with the access token. */
  readonly refreshToken: Secret | undefined;
  /** What was granted, separated by spaces (RFC 6749 §3.3). */
  readonly scope: string;
  /** What the login requested and did not get, separated by spaces; undefined when nothing is missing. */
  readonly missingScope?: string | undefined;
  /** What the access tokens are for, where the user named it (RFC 8707): every refresh asks for the same. */
  readonly resource?: string | undefined;
  /** What the ID token of the login said; undefined where there was none. */
  readonly idToken?: IdTokenClaims | undefined;
  /** When the tokens were received, by the server's clock as far as it is known. */
  readonly issuedAt: number;
  /** Undefined when the server does not say; a 401 is then the only sign. */
  readonly accessTokenExpiresAt: number | undefined;
  /** When the refresh token expires, as the server wrote it or computed from that; undefined: only the server knows. */
  readonly refreshTokenExpiresAt: string | undefined;
  /** What to add to this machine's clock to get the server's; 0 unless they were more than a minute apart. */
  readonly clockOffsetMs: number;
  /** The service's own id of the session; undefined when it does not say. */
  readonly sessionId: string | undefined;
  /** The user, as the service described them at login. */
  readonly user: Omit<UserInfo, "teams">;
  /** The user's teams at login; empty where the service has none. */
  readonly teams: readonly Team[];
  /** How the user was authorized. */
  readonly authFlow: AuthFlow;
  /** When the user was authorized; a refresh does not change it. */
  readonly authenticatedAt: number;
}

/** An access token and what it takes to present it. `user` is undefined for one that comes from no session here: it names nobody. */
export type Credential = Pick<Session, "accessToken" | "tokenType" | "dpopKey" | "clockOffsetMs"> &
  Partial<Pick<Session, "user" | "accessTokenExpiresAt">>;

/** An account at a service. It outlives its session, so that the next login knows where to go. */
export interface Profile {
  /** The service's address, without a trailing `/`: the only one that this profile's tokens go to. */
  readonly service: string;
  /** The issuer that the user named, exactly as it names itself; undefined: the service is its own issuer. */
  readonly issuer?: string | undefined;
  /** What the tokens are for (RFC 8707), if the service says so (RFC 9728). */
  readonly resource?: string | undefined;
  /** The client was registered by this program (RFC 7591): until when, in milliseconds since 1970; 0 for ever. */
  readonly registeredUntil?: number | undefined;
  /** The provider, if the user named one. */
  readonly provider?: ChosenProvider | undefined;
  /** What the last login found out about the server, so that the next one need not ask. */
  readonly metadata?: KnownServer | undefined;
  /** The `client_id` to log in with. */
  readonly clientId: string;
  /** The secret that goes with it, if the issuer gave one. */
  readonly clientSecret?: Secret | undefined;
  /** The scopes that the user asked for, separated by spaces; undefined: the default. */
  readonly scope?: string | undefined;
  /** Hosts, as {@link URL} writes them, where a login may begin although it is at the issuer: the user has agreed to each by name. */
  readonly trustedHosts?: readonly string[] | undefined;
  /** The path of the redirect URI, where the user named it. */
  readonly redirectPath?: string | undefined;
  /** The id of the team that the user chose; undefined leaves the choice to {@link defaultTeam}. */
  readonly team: string | undefined;
  /** Undefined when nobody is logged in. */
  readonly session: Session | undefined;
}

/** All profiles on this machine, and the one that is used when none is named. */
export interface Profiles {
  /** The name of that one; there may be no such profile yet. */
  readonly active: string;
  /** The profiles that the user has chosen for folders and everything below them, by the folder's real path. */
  readonly folders?: ReadonlyMap<string, string>;
  /** The folder that `active` was chosen for, if it was chosen for one; not stored. */
  readonly here?: string;
  /** By name. */
  readonly profiles: ReadonlyMap<string, Profile>;
}

/** What is stored where nothing is. */
export const nobody: Profiles = { active: "default", profiles: new Map() };

/**
 * The profiles as they are used in a folder, given by its real path: what the user has chosen for it, or for the nearest folder above, is the
 * active one. The folder itself says nothing: what is in it may have come with a clone (S-010).
 */
export function usedIn(profiles: Profiles, folder: string | undefined): Profiles {
  for (
    let at = folder;
    at !== undefined && profiles.folders !== undefined;
    at = dirname(at) === at ? undefined : dirname(at)
  ) {
    const active = profiles.folders.get(at);
    if (active !== undefined) return { ...profiles, active, here: at };
  }
  return profiles;
}

export function withProfile(profiles: Profiles, name: string, profile: Profile): Profiles {
  return { ...profiles, profiles: new Map(profiles.profiles).set(name, profile) };
}

/** The profiles without one, unless somebody is logged in there. The active one keeps its name: another account must not take its place unasked. */
export function withoutProfile(profiles: Profiles, name: string): Profiles {
  const profile = profiles.profiles.get(name);
  if (profile === undefined || profile.session !== undefined) return profiles;
  return { ...profiles, profiles: new Map([...profiles.profiles].filter(([other]) => other !== name)) };
}

/** The profiles with a session. The active one is among them. */
export function loggedIn({ active, folders = new Map<string, string>(), profiles }: Profiles): Profiles {
  const left = new Map([...profiles].filter(([, { session }]) => session !== undefined));
  const [first = active] = left.keys();
  return {
    active: left.has(active) ? active : first,
    folders: new Map([...folders].filter(([, name]) => left.has(name))),
    profiles: left,
  };
}

/** The error for code that would present a token without a proof of the key that it is bound to (RFC 9449). */
export function boundToken(
  user: "program" | "library" = "library",
  next: Hint = ["Send the request with auth.fetch, or log in with dpop: false"],
): AuthError {
  return new AuthError(
    "configuration_invalid",
    `the access token is bound to a key that stays here, so no other ${user} can use it`,
    { hint: next },
  );
}

/** The error for a profile in which nobody is logged in. */
export function notLoggedIn(profile: string): NotAuthenticatedError {
  return new NotAuthenticatedError(`not logged in (profile "${profile}")`, { hint: hint`Run: ${login(profile)}` });
}

/** Whether a profile can have this name: letters, digits, ".", "_" and "-", 64 at most. */
export function isProfileName(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(text);
}

/** A profile's name, and who named it. */
export interface NamedProfile {
  readonly name: string;
  /**
   * The option or the variable; `profile` where the program itself names it; `--here in …` for the user's choice for a folder; `active` where
   * nobody does.
   */
  readonly source: string;
}

/** The profile that a command or a program is about. */
export interface ProfileInUse extends NamedProfile {
  /** Undefined when there is none of that name. */
  readonly profile: Profile | undefined;
  readonly all: Profiles;
}

/** The profile in use where neither the user nor the program names one: the one chosen for the folder, else the active one. */
export function unnamedProfile({ active, here }: Profiles): NamedProfile {
  return { name: active, source: here === undefined ? "active" : `--here in ${here}` };
}

/**
 * The profile in use, which must exist if anybody has named it: a typing mistake must neither act as another account nor be ignored.
 *
 * @throws {@link NotAuthenticatedError} when it does not
 */
export function requireProfile(inUse: ProfileInUse): ProfileInUse {
  const { name, source, profile, all } = inUse;
  if (profile === undefined && source !== "active") throw unknownProfile(name, all, source);
  return inUse;
}

/** The error for a profile that was named and does not exist. */
export function unknownProfile(
  name: string,
  { active, here, profiles }: Profiles,
  source: string = "profile",
): NotAuthenticatedError {
  const known = profiles.size === 0 ? "" : `Known: ${[...profiles.keys()].join(", ")}. `;
  const another =
    here !== undefined && active === name
      ? hint`. To choose another here: ${{ command: "auth switch", options: ["--here"] }}`
      : "";
  return new NotAuthenticatedError(
    `there is no profile "${name}"${source === "profile" ? "" : `, which ${source} names`}`,
    {
      hint: isProfileName(name)
        ? hint`${known}To create it: ${login(name)}${another}`
        : hint`${known || "A name is one word. "}To create one: ${login("NAME")}`,
    },
  );
}

/** Whether two sessions are the same one, at the same point between two refreshes: what compare-and-clear compares. */
export function isSameSession(a: Session, b: Session): boolean {
  if (a.refreshToken === undefined || b.refreshToken === undefined) return a.accessToken.equals(b.accessToken);
  return a.refreshToken.equals(b.refreshToken);
}

/** Whether two sessions come from one login, whatever was refreshed in between: what a logout compares. */
export function isSameLogin(a: Session, b: Session): boolean {
  return a.authenticatedAt === b.authenticatedAt || (a.sessionId !== undefined && a.sessionId === b.sessionId);
}

/** The team to use when none is named: the user's choice, else the private teamspace, else the first. */
export function defaultTeam(profile: {
  team?: string | undefined;
  session: Pick<Session, "teams"> | undefined;
}): Team | undefined {
  const teams = profile.session?.teams ?? [];
  return teams.find((team) => team.id === profile.team) ?? teams.find((team) => team.isPrivateTeamspace) ?? teams[0];
}

/** How an account is named in a sentence: `alice@example.com (Acme Corp)`. */
export function accountName(profile: Profile): string {
  const user = profile.session?.user;
  const team = defaultTeam(profile);
  return `${user?.email ?? user?.name ?? user?.id ?? "somebody"}${team ? ` (${team.name})` : ""}`;
}

const formatVersion = 1;
type SecretMember<T> = { [Name in keyof T]-?: Secret extends T[Name] ? Name : never }[keyof T];
/** The members that are secrets, in a profile and in its session: all of them, or one would be read back as a text that prints itself. */
const secretMembers: Record<SecretMember<Session> | SecretMember<Profile>, true> = {
  accessToken: true,
  refreshToken: true,
  dpopKey: true,
  clientSecret: true,
};

/** The text that is sealed: the one place where the secrets of a session become text again. */
export function serializeProfiles({ active, folders, profiles }: Profiles): string {
  const stored = {
    version: formatVersion,
    active,
    folders: folders && Object.fromEntries(folders),
    profiles: Object.fromEntries(profiles),
  };
  return JSON.stringify(stored, function (this: Readonly<Record<string, unknown>>, name, value: unknown) {
    const member = this[name];
    return member instanceof Secret ? member.reveal() : value;
  });
}

/**
 * Reads what {@link serializeProfiles} wrote. The text was authenticated when it was unsealed, so its members are what
 * this program wrote; only the version can differ.
 *
 * @throws {@link AuthError} `storage_unreadable` when a newer version wrote it
 */
export function parseProfiles(text: string): Profiles {
  const sealed = (name: string, value: unknown): unknown =>
    Object.hasOwn(secretMembers, name) && typeof value === "string" ? new Secret(value) : value;
  const { version, active, folders, profiles } = JSON.parse(text, sealed) as {
    version: number;
    active: string;
    folders?: Record<string, string>;
    profiles: Record<string, Profile>;
  };
  if (version !== formatVersion) {
    throw new AuthError(
      "storage_unreadable",
      `the stored sessions have format ${version}, and this version reads format ${formatVersion}`,
      {
        hint: "Install the newest version of this tool",
      },
    );
  }
  return {
    active,
    ...(folders && { folders: new Map(Object.entries(folders)) }),
    profiles: new Map(Object.entries(profiles)),
  };
}
