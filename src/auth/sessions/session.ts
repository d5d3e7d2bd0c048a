import { dirname } from "node:path";
import { AuthError, NotAuthenticatedError, hint, login, type Hint } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { oneLine } from "../../base/text.ts";
import type { AuthorizationServer, KnownServer } from "../oauth/authorization-server.ts";
import type { Client } from "../oauth/client-authentication.ts";
import type { Prover } from "../oauth/dpop-proof.ts";
import type { ChosenProvider } from "../oauth/named-providers.ts";
import type { IdTokenClaims } from "../oauth/id-token.ts";
import type { Team, UserInfo } from "../oauth/user-info.ts";

/** `token`: logged in elsewhere, and a token of that login was passed on. */
export type AuthFlow = "authorization_code" | "device_code" | "token";

/** One login. Times are milliseconds since 1970 unless they say otherwise. */
export interface Session extends Client {
  /** Names the login on this machine: a refresh keeps it, a new login has another. */
  readonly id: string;
  readonly refreshes: number;
  /** The command or program of the last refresh; undefined before the first. */
  readonly refreshedBy?: string | undefined;
  /** The issuer of the tokens, as at login. They go to it and to the service, and nowhere else. */
  readonly server: AuthorizationServer;
  readonly accessToken: Secret;
  readonly tokenType: "Bearer" | "DPoP";
  /** Of the tokens (RFC 9449); undefined when the server does not bind them, or the user declined. */
  readonly dpopKey?: Secret | undefined;
  /** Undefined when the server issued none: the session then expires with the access token. */
  readonly refreshToken: Secret | undefined;
  /** Granted, separated by spaces. */
  readonly scope: string;
  /** Requested and not granted. */
  readonly missingScope?: string | undefined;
  /** What the access tokens are for, if named (RFC 8707): every refresh requests the same. */
  readonly resource?: string | undefined;
  /** The claims of the login's ID token; undefined without one. */
  readonly idToken?: IdTokenClaims | undefined;
  /** The newest ID token, as the issuer signed it, for programs. Undefined if the login's had no claims. */
  readonly signedIdToken?: Secret | undefined;
  /** The receipt of the tokens, by the server's clock if known. */
  readonly issuedAt: number;
  /** Undefined when the server does not say; then only a 401 tells. */
  readonly accessTokenExpiresAt: number | undefined;
  /** As the server wrote it or computed from that; undefined: only the server knows. */
  readonly refreshTokenExpiresAt: string | undefined;
  /** From this machine's clock to the server's; 0 unless they differed by more than a minute. */
  readonly clockOffsetMs: number;
  /** The service's own id. */
  readonly sessionId: string | undefined;
  /** As described by the service at login. */
  readonly user: Omit<UserInfo, "teams">;
  readonly teams: readonly Team[];
  readonly authFlow: AuthFlow;
  /** A refresh does not change it. */
  readonly authenticatedAt: number;
}

/** An access token with what it takes to present it. A token from elsewhere may name no user. */
export type Credential = Pick<Session, "accessToken" | "tokenType" | "dpopKey" | "clockOffsetMs"> &
  Partial<Pick<Session, "user" | "accessTokenExpiresAt">> & {
    /** Makes the proofs where the key is elsewhere. */
    readonly prove?: Prover;
  };

/** Without secrets. Times are milliseconds since 1970. */
export interface EndedLogin {
  readonly user: Session["user"];
  /**
   * `expired`: as the service had said. `revoked`: the service ended it earlier. `logout`: here. `replaced`: by another
   * login in its profile.
   */
  readonly reason: "expired" | "revoked" | "logout" | "replaced";
  readonly endedAt: number;
  /** The command or program that ended it, or noticed; undefined when none has yet. */
  readonly by?: string | undefined;
  /** By the service. */
  readonly said?: string | undefined;
  readonly issuedAt: number;
  readonly refreshedBy?: string | undefined;
}

/** An account at a service. It outlives its session, so that the next login knows where to go. */
export interface Profile extends Client {
  /** A URL without a trailing `/`: the only one that this profile's tokens go to. */
  readonly service: string;
  /** As it names itself; undefined: the service is its own issuer. */
  readonly issuer?: string | undefined;
  /** What the tokens are for (RFC 8707), if the service says so (RFC 9728). */
  readonly resource?: string | undefined;
  /** If this program registered the client (RFC 7591): until when, in milliseconds since 1970; 0 for ever. */
  readonly registeredUntil?: number | undefined;
  /** If the user named one. */
  readonly provider?: ChosenProvider | undefined;
  /** To save the next login a request. */
  readonly metadata?: KnownServer | undefined;
  /** Chosen by the user; undefined: the default. */
  readonly scope?: string | undefined;
  /** Hosts, as {@link URL} writes them, where a login may begin instead of the issuer: each agreed to by name. */
  readonly trustedHosts?: readonly string[] | undefined;
  /** If the user named it. */
  readonly redirectPath?: string | undefined;
  /** The id of the chosen team; undefined: {@link defaultTeam}. */
  readonly team: string | undefined;
  readonly session: Session | undefined;
  /** The last ended login; there may be a newer one. */
  readonly ended?: EndedLogin | undefined;
}

/** The profile in use where none is named. */
export interface Choice {
  /** There may be no such profile yet. */
  readonly active: string;
  /** Profiles for directory trees, by real path. */
  readonly folders?: ReadonlyMap<string, string>;
  /** The directory that `active` was chosen for, if any; not stored. */
  readonly here?: string;
}

export const noChoice: Choice = { active: "default" };

/**
 * The choice for a directory, by its real path: the user's choice for it or its nearest parent is active. The directory
 * itself says nothing: its content may have come with a clone (S-010).
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

/** For code that would present a token without a proof of its key (RFC 9449). */
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

export function isProfileName(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(text);
}

export interface NamedProfile {
  readonly name: string;
  /**
   * The option or variable; `profile` if the program names it; `--here in …` for the user's choice for a directory;
   * `active` otherwise.
   */
  readonly source: string;
}

export interface ProfileInUse extends NamedProfile {
  readonly profile: Profile | undefined;
}

/** Where neither user nor program names one: the one for the directory, else the active one. */
export function unnamedProfile({ active, here }: Choice): NamedProfile {
  return { name: active, source: here === undefined ? "active" : `${chosenFor} ${here}` };
}

const chosenFor = "--here in";

/** A typing mistake must neither act as another account nor be ignored. */
export function unknownProfile({ name, source }: NamedProfile, names: readonly string[]): NotAuthenticatedError {
  const known = names.length === 0 ? "" : `Use one of: ${names.join(", ")}. `;
  const another = source.startsWith(chosenFor)
    ? hint`. To choose another here: ${{ command: "auth switch", options: ["--here"] }}`
    : "";
  return new NotAuthenticatedError(
    `there is no profile "${name}"${source === "profile" ? "" : `, named by ${source}`}`,
    {
      hint: isProfileName(name)
        ? hint`${known}To create it: ${login(name)}${another}`
        : hint`${known ? `${known}To create one` : "Use one word as a name"}: ${login("NAME")}`,
    },
  );
}

/** Whether two sessions are at the same refresh. */
export function isSameToken(a: Session, b: Session): boolean {
  if (a.refreshToken === undefined || b.refreshToken === undefined) return a.accessToken.equals(b.accessToken);
  return a.refreshToken.equals(b.refreshToken);
}

export function newLoginId(): string {
  return process.getBuiltinModule("node:crypto").randomBytes(8).toString("hex");
}

/** Checked because it names files. */
export function isLoginId(text: unknown): text is string {
  return typeof text === "string" && /^[0-9a-f]{16}$/.test(text);
}

/** Where none is named: the user's choice, else the private teamspace, else the first. */
export function defaultTeam(profile: {
  team?: string | undefined;
  session: Pick<Session, "teams"> | undefined;
}): Team | undefined {
  const teams = profile.session?.teams ?? [];
  return teams.find((team) => team.id === profile.team) ?? teams.find((team) => team.isPrivateTeamspace) ?? teams[0];
}

/**
 * For a sentence: `alice@example.com (Acme Corp)`. The service chose the names: a line break could forge a line
 * (S-008).
 */
export function accountName(profile: Profile): string {
  const team = defaultTeam(profile);
  return `${userName(profile.session?.user)}${team ? ` (${oneLine(team.name)})` : ""}`;
}

export function userName(user: Session["user"] | undefined): string {
  return oneLine(user?.email ?? user?.name ?? user?.id ?? "somebody");
}

type SecretMember<T> = { [Name in keyof T]-?: Secret extends T[Name] ? Name : never }[keyof T];
/** All secret members of profiles and sessions: a missing one would be read back as printable text. */
const secretMembers: Record<SecretMember<Session> | SecretMember<Profile>, true> = {
  accessToken: true,
  refreshToken: true,
  dpopKey: true,
  clientSecret: true,
  signedIdToken: true,
};

/** The text to be sealed: the one place where secrets become text again. */
export function textOf(value: object): string {
  return JSON.stringify(value, function (this: Readonly<Record<string, unknown>>, name, plain: unknown) {
    const member = this[name];
    return member instanceof Secret ? member.reveal() : plain;
  });
}

/** Reads the text of {@link textOf}. Unsealing authenticated it, so its members are this program's. */
export function fromText<T extends object>(text: string): T {
  return JSON.parse(text, (name, value: unknown) =>
    Object.hasOwn(secretMembers, name) && typeof value === "string" ? new Secret(value) : value,
  ) as T;
}
