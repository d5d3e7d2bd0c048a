import { randomBytes } from "node:crypto";
import { dirname } from "node:path";
import { AuthError, NotAuthenticatedError, hint, login, type Hint } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { oneLine } from "../../base/text.ts";
import type { AuthorizationServer, KnownServer } from "../oauth/authorization-server.ts";
import type { Prover } from "../oauth/dpop-proof.ts";
import type { ChosenProvider } from "../oauth/named-providers.ts";
import type { IdTokenClaims } from "../oauth/id-token.ts";
import type { Team, UserInfo } from "../oauth/user-info.ts";

/** How the user was authorized. `token`: elsewhere, and a token of that login was passed on. */
export type AuthFlow = "authorization_code" | "device_code" | "token";

/** One login: the user, the server and the tokens. Times are milliseconds since 1970 unless they say otherwise. */
export interface Session {
  /** Names the login, here and nowhere else: a refresh keeps it, and a new login has another. */
  readonly id: string;
  /** How often its tokens have been refreshed. */
  readonly refreshes: number;
  /** The command or the program that has refreshed them last; undefined: they are those of the login. */
  readonly refreshedBy?: string | undefined;
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
  /** The newest ID token, as the issuer signed it: programs may want one. Undefined where that of the login said nothing. */
  readonly signedIdToken?: Secret | undefined;
  /** When the tokens were received, by the server's clock as far as it is known. */
  readonly issuedAt: number;
  /** Undefined when the server does not say; a 401 is then the only sign. */
  readonly accessTokenExpiresAt: number | undefined;
  /** When the refresh token expires, as the server wrote it or computed from that; undefined: only the server knows. */
  readonly refreshTokenExpiresAt: string | undefined;
  /** What to add to this machine's clock to get the server's; 0 unless they were more than a minute apart. Each machine has its own. */
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
  Partial<Pick<Session, "user" | "accessTokenExpiresAt">> & {
    /** Makes the proofs of the key that the token is bound to, where that is elsewhere. @internal */
    readonly prove?: Prover;
  };

/** A login that has ended, without anything that is secret. Times are milliseconds since 1970. */
export interface EndedLogin {
  readonly user: Session["user"];
  /**
   * `expired`: when the service had said that it would. `revoked`: the service said so before that. `logout`: here. `replaced`: by another
   * login in its profile.
   */
  readonly reason: "expired" | "revoked" | "logout" | "replaced";
  readonly endedAt: number;
  /** The command or the program that ended it, or noticed it; undefined when nothing has yet. */
  readonly by?: string | undefined;
  /** What the service said. */
  readonly said?: string | undefined;
  /** As in {@link Session}. */
  readonly issuedAt: number;
  readonly refreshedBy?: string | undefined;
}

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
  /** The login that ended last; there may have been another since. */
  readonly ended?: EndedLogin | undefined;
}

/** Which profile is used where none is named. */
export interface Choice {
  /** Its name; there may be no such profile yet. */
  readonly active: string;
  /** The profiles that the user has chosen for folders and everything below them, by the folder's real path. */
  readonly folders?: ReadonlyMap<string, string>;
  /** The folder that `active` was chosen for, if it was chosen for one; not stored. */
  readonly here?: string;
}

/** What is chosen where nothing is stored. */
export const noChoice: Choice = { active: "default" };

/**
 * The choice as it counts in a folder, given by its real path: what the user has chosen for it, or for the nearest folder above, is the
 * active one. The folder itself says nothing: what is in it may have come with a clone (S-010).
 */
export function usedIn(choice: Choice, folder: string | undefined): Choice {
  for (
    let at = folder;
    at !== undefined && choice.folders !== undefined;
    at = dirname(at) === at ? undefined : dirname(at)
  ) {
    const active = choice.folders.get(at);
    if (active !== undefined) return { ...choice, active, here: at };
  }
  return choice;
}

/** The error for code that would present a token without a proof of the key that it is bound to (RFC 9449). */
export function boundToken(
  user: "program" | "library" = "library",
  next: Hint = ["Send the request with auth.fetch, or log in with dpop: false"],
): AuthError {
  return new AuthError(
    "configuration_invalid",
    `the access token is bound to a key (DPoP): no other ${user} can use it`,
    { hint: next },
  );
}

/** Whether a profile can have this name: letters, digits, ".", "_" and "-", 64 at most. */
export function isProfileName(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(text);
}

/** A profile's name, and who named it. */
export interface NamedProfile {
  readonly name: string;
  /**
   * The option or the variable; `profile` where the program itself names it; `--here in …` for the user's choice for a folder; `active`
   * where nobody does.
   */
  readonly source: string;
}

/** The profile that a command or a program is about. */
export interface ProfileInUse extends NamedProfile {
  /** Undefined when there is none of that name. */
  readonly profile: Profile | undefined;
}

/** The profile in use where neither the user nor the program names one: the one chosen for the folder, else the active one. */
export function unnamedProfile({ active, here }: Choice): NamedProfile {
  return { name: active, source: here === undefined ? "active" : `${chosenFor} ${here}` };
}

const chosenFor = "--here in";

/** The error for a profile that was named and does not exist: a typing mistake must neither act as another account nor be ignored. */
export function unknownProfile({ name, source }: NamedProfile, names: readonly string[]): NotAuthenticatedError {
  const known = names.length === 0 ? "" : `Known: ${names.join(", ")}. `;
  const another = source.startsWith(chosenFor)
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

/** Whether two sessions are at the same point between two refreshes. */
export function isSameToken(a: Session, b: Session): boolean {
  if (a.refreshToken === undefined || b.refreshToken === undefined) return a.accessToken.equals(b.accessToken);
  return a.refreshToken.equals(b.refreshToken);
}

/** An id for a new login. */
export function newLoginId(): string {
  return randomBytes(8).toString("hex");
}

/** Whether a text is such an id: it names files. */
export function isLoginId(text: unknown): text is string {
  return typeof text === "string" && /^[0-9a-f]{16}$/.test(text);
}

/** The team to use when none is named: the user's choice, else the private teamspace, else the first. */
export function defaultTeam(profile: {
  team?: string | undefined;
  session: Pick<Session, "teams"> | undefined;
}): Team | undefined {
  const teams = profile.session?.teams ?? [];
  return teams.find((team) => team.id === profile.team) ?? teams.find((team) => team.isPrivateTeamspace) ?? teams[0];
}

/**
 * How an account is named in a sentence: `alice@example.com (Acme Corp)`. The service chose the names: a line break could forge a line
 * (S-008).
 */
export function accountName(profile: Profile): string {
  const team = defaultTeam(profile);
  return `${userName(profile.session?.user)}${team ? ` (${oneLine(team.name)})` : ""}`;
}

/** The same without the team. */
export function userName(user: Session["user"] | undefined): string {
  return oneLine(user?.email ?? user?.name ?? user?.id ?? "somebody");
}

type SecretMember<T> = { [Name in keyof T]-?: Secret extends T[Name] ? Name : never }[keyof T];
/** The members that are secrets, in a profile and in its session: all of them, or one would be read back as a text that prints itself. */
const secretMembers: Record<SecretMember<Session> | SecretMember<Profile>, true> = {
  accessToken: true,
  refreshToken: true,
  dpopKey: true,
  clientSecret: true,
  signedIdToken: true,
};

/** The text of what holds sessions or profiles, to be sealed: the one place where its secrets become text again. */
export function textOf(value: object): string {
  return JSON.stringify(value, function (this: Readonly<Record<string, unknown>>, name, plain: unknown) {
    const member = this[name];
    return member instanceof Secret ? member.reveal() : plain;
  });
}

/**
 * Reads what {@link textOf} wrote. The text was authenticated when it was unsealed, so its members are what this program wrote.
 */
export function fromText<T extends object>(text: string): T {
  return JSON.parse(text, (name, value: unknown) =>
    Object.hasOwn(secretMembers, name) && typeof value === "string" ? new Secret(value) : value,
  ) as T;
}
