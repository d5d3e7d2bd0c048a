/**
 * What each command prints with `--json`. Times are ISO 8601 in UTC; a member that is absent is unknown.
 */

import type { AuthErrorCode } from "../base/errors.ts";
import type { DrainCounts } from "../sync/event-drain.ts";

/** A team, in the service's words. */
export interface TeamOutput {
  readonly id: string;
  readonly name: string;
  /** The user's role in it, in the service's words. */
  readonly role?: string;
  /** Whether it is the user's own. It is the default team unless the user has chosen another. */
  readonly isPrivateTeamspace?: boolean;
}

/** The logged-in user, as the service says. */
export interface UserOutput {
  readonly id: string;
  readonly email?: string;
  readonly name?: string;
  /** The issuer names nobody: `name` is the issuer with the scope, and `id` is this login's. */
  readonly isUnnamed?: true;
}

/** Where the sessions are stored. */
export interface StorageStatus {
  /** As `--storage` takes it; `shared`: in a store that several machines share. */
  readonly kind: "keychain" | "file" | "memory" | "shared";
  /** Where the key that seals the session comes from. */
  readonly key: "keychain" | "passphrase" | "machine" | "program" | "none";
  /** The path of the sealed file. */
  readonly path?: string;
  /** What the shared store is called, such as `Redis`. */
  readonly name?: string;
}

/** `auth status --json`, and `auth login --json`. */
export interface AuthStatus {
  readonly authenticated: boolean;
  /** It has expired as far as this machine's clock can tell; the service was not asked. */
  readonly expired?: true;
  /** Whether the service was asked just now (`--check`). Everything else is known here. */
  readonly checked: boolean;
  readonly profile: string;
  /** What selected the profile: `--profile`, the name of the variable, the folder that it was chosen for (`--here in …`), or `active`. */
  readonly profileSource: string;
  /** Where the login lives that is lent here, and until when, if it ends before its agent does. */
  readonly lender?: { readonly host: string; readonly until?: string };
  /**
   * The name of the variable, if a token in it takes precedence over the profile's own session. Nothing else is said about that session
   * then.
   */
  readonly tokenSource?: string;
  /** The address that the tokens go to. */
  readonly service?: string;
  /** The issuer of the tokens, if it is not the service. */
  readonly issuer?: string;
  /** `DPoP` when the access token is bound to a key that is stored with the session. */
  readonly tokenType?: "Bearer" | "DPoP";
  /** False: the session cannot be refreshed, and ends with its access token. */
  readonly hasRefreshToken?: boolean;
  /** What was granted, separated by spaces (RFC 6749 §3.3). */
  readonly scope?: string;
  /** What the login asked for and did not get, separated by spaces; absent when nothing is missing. */
  readonly missingScope?: string;
  readonly user?: UserOutput;
  /** The default team. */
  readonly team?: Pick<TeamOutput, "id" | "name">;
  readonly teams?: readonly TeamOutput[];
  /** Absent when the server does not say when it expires. */
  readonly accessTokenExpiresAt?: string;
  /** Absent when only the service knows when it expires, and when there is none. */
  readonly refreshTokenExpiresAt?: string;
  readonly storage: StorageStatus;
  /** The service's own id of the session. */
  readonly sessionId?: string;
  /** Through the browser, or with a code. */
  readonly authFlow?: "authorization_code" | "device_code" | "token";
  /** When the user was authorized; a refresh does not change it. */
  readonly authenticatedAt?: string;
  /** When the service last issued tokens: at login or by a refresh. */
  readonly refreshedAt?: string;
  /** The command or the program that refreshed them; absent when they are those of the login. */
  readonly refreshedBy?: string;
  /** The login of the profile that ended last: the one before, where somebody is logged in. */
  readonly ended?: EndedLoginOutput;
}

/** A login that has ended. */
export interface EndedLoginOutput {
  readonly user: UserOutput;
  /**
   * `expired`: when the service had said that it would. `revoked`: the service said so before that. `logout`: here. `replaced`: by another
   * login in its profile.
   */
  readonly reason: "expired" | "revoked" | "logout" | "replaced";
  /** When it expired, or when that was done or noticed. */
  readonly endedAt: string;
  /** The command or the program that ended it, or noticed it. */
  readonly by?: string;
  /** What the service said. */
  readonly said?: string;
  /** As in {@link AuthStatus}. */
  readonly refreshedAt: string;
  readonly refreshedBy?: string;
}

/** `auth login --explain --json`. */
export interface LoginExplanation {
  readonly login: "browser" | "device";
  /** In words. */
  readonly reason: string;
  /** What was found; the first that does not say `either` is decisive. */
  readonly signals: readonly {
    readonly name: string;
    readonly value: string;
    readonly meaning: string;
    readonly login: "browser" | "device" | "either";
  }[];
  /** Whether the browser is opened here. */
  readonly opens: boolean;
  readonly profile: string;
  /** As in {@link AuthStatus}. */
  readonly profileSource: string;
  /** Whether the login creates the profile. */
  readonly isNew: boolean;
  /** Whether nothing would be done, since the profile is logged in with all that is asked for. */
  readonly isLoggedIn: boolean;
  readonly service: string;
  readonly issuer: string;
  /** Absent when the client is registered for the login. */
  readonly clientId?: string;
  /** Separated by spaces; empty when the choice is left to the issuer. */
  readonly scope: string;
  readonly resource?: string;
  readonly tokenType: "Bearer" | "DPoP";
  /** Where the browser returns to; `PORT` stands for the first free one from 28888 on. Absent for a device login. */
  readonly redirectUri?: string;
  /** `login`: where it begins. */
  readonly endpoints: { readonly login: string; readonly token: string; readonly registration?: string };
  /** As `--storage` takes it; absent where the program keeps the session itself. */
  readonly storage?: StorageStatus["kind"];
}

/** `auth logout --json`. */
export interface LogoutOutput {
  readonly loggedOut: readonly {
    readonly profile: string;
    /**
     * `none` when nobody was logged in; `not told` when it was left out (`--force`); `unconfirmed` when it was asked and may not have
     * ended the session. In each case the session is gone here.
     */
    readonly server: "ended" | "unconfirmed" | "not told" | "none";
    /** Why it is `unconfirmed`. */
    readonly error?: { readonly code: AuthErrorCode; readonly message: string };
    /** The result for each token, if the server revokes them one by one (RFC 7009). */
    readonly tokens?: readonly { readonly token: "refresh_token" | "access_token"; readonly revoked: boolean }[];
  }[];
}

/** `auth token --json`. It contains the token. */
export interface TokenOutput {
  readonly accessToken: string;
  /** A `DPoP` token is bound to a key that stays here: no other program can use it. */
  readonly tokenType: "Bearer" | "DPoP";
  readonly expiresAt?: string;
  /** The name of the variable that the token is from; absent for the token of a login. */
  readonly source?: string;
}

/** `auth token --id-token --json`. It contains the token. */
export interface IdTokenOutput {
  readonly idToken: string;
  readonly expiresAt: string;
}

/** `auth google-credential`, in the spelling of AIP-4117. It contains the ID token. */
export interface GoogleCredential {
  readonly version: 1;
  readonly success: true;
  readonly token_type: "urn:ietf:params:oauth:token-type:id_token";
  readonly id_token: string;
  /** In seconds since 1970. */
  readonly expiration_time: number;
}

/** `auth docker-credential get`, in the spelling of docker-credential-helpers. It contains the token. */
export interface DockerCredential {
  readonly ServerURL: string;
  readonly Username: string;
  readonly Secret: string;
}

/** `auth bazel-credential get`, in the spelling of Bazel. It contains the token; `{}` for an address that is not on the service. */
export interface BazelCredential {
  readonly headers: { readonly Authorization: readonly string[] };
  readonly expires?: string;
}

/** `auth agent --json`, on one line, as soon as it serves. It contains the secret. */
export interface AgentOutput {
  /** What to set where the login is used, and to what: the place, "#" and the secret. */
  readonly variable: string;
  readonly value: string;
  /** The place, if it is a socket; else its address for http. */
  readonly socket?: string;
  readonly origin?: string;
  readonly profile: string;
  readonly service: string;
  readonly until?: string;
}

/** `auth refresh --json`. */
export interface RefreshOutput {
  readonly refreshed: true;
  readonly accessTokenExpiresAt?: string;
}

/** `auth list --json`. */
export interface ProfileList {
  readonly profiles: readonly {
    readonly profile: string;
    readonly service: string;
    /** Of the login; where nobody is logged in, of the last one. */
    readonly user?: UserOutput;
    /** Whether it is used when nothing names another. */
    readonly active: boolean;
    readonly authenticated: boolean;
    /** As in {@link AuthStatus}. */
    readonly expired?: true;
    /** The login that ended last. */
    readonly ended?: EndedLoginOutput;
  }[];
}

/** `auth switch --json`. */
export interface SwitchOutput {
  readonly active: string;
  /** With `--here`: the folder in which, and below which, it is the active one. */
  readonly folder?: string;
}

/** `auth team --json`. */
export interface DefaultTeamOutput {
  readonly profile: string;
  readonly team?: TeamOutput;
  readonly teams: readonly TeamOutput[];
}

/** `auth doctor --json`. Later versions may add members and numbers; `schemaVersion` changes when that is not enough. */
export interface DoctorReport {
  /** The version of this structure. */
  readonly schemaVersion: 1;
  /** Whether there is no critical finding. */
  readonly healthy: boolean;
  /** How many causes are critical, and how many are worth a warning. Findings with one fix have one cause. */
  readonly critical: number;
  readonly warnings: number;
  readonly findings: readonly {
    /** Stable: `D403` is about the mode of the credentials file in every version. */
    readonly number: string;
    readonly severity: "ok" | "note" | "warning" | "critical";
    /** What was examined, in a word or two. */
    readonly subject: string;
    readonly sentence: string;
    /** What fixes it: a command to paste, if there is one. */
    readonly fix?: string;
  }[];
}

/** `auth setup-git --json`; with `--undo`, a list of them as `removed`. */
export interface GitSetup {
  /** The address whose repositories git asks this tool for a token for. */
  readonly url: string;
  /** The credential helper, as git's configuration has it. */
  readonly helper: string;
}

/** `auth whoami --json`. */
export interface WhoAmI {
  readonly user: UserOutput;
  /** Absent for a token of the environment. */
  readonly profile?: string;
  /** The name of the variable that the token is from; absent for the token of a login. */
  readonly tokenSource?: string;
}

/** What every command prints with `--json` when it fails, unless its answer says so. The exit code is as ever. */
export interface ErrorOutput {
  readonly error: {
    /** `internal_error` is a bug. */
    readonly code: AuthErrorCode | "internal_error";
    readonly message: string;
    /** What to do next. */
    readonly hint: string;
  };
}

/** `auth exec-credential`: what Kubernetes clients read (client.authentication.k8s.io/v1). It contains the token. */
export interface ExecCredential {
  readonly apiVersion: "client.authentication.k8s.io/v1";
  readonly kind: "ExecCredential";
  readonly status: { readonly expirationTimestamp?: string; readonly token: string };
}

/** `sync emit --json`. */
export interface EmitOutput {
  readonly queued: true;
  readonly eventId: string;
}

/** `sync upload --json`. */
export interface UploadOutput {
  /** How many artifacts. */
  readonly queued: number;
}

/** `sync now --json`. */
export interface SyncNowOutput {
  readonly events: DrainCounts;
  readonly artifacts: DrainCounts;
  /** How many of both are still queued. */
  readonly left: number;
  /** Why sending ended early; what was not reached is still queued. */
  readonly stopped?: { readonly code: AuthErrorCode; readonly message: string };
}

/** A line of `sync run --json`: after each look at the queue, and for each event or artifact that the service refuses. */
export type RunLine =
  | ({ readonly type: "sent" } & SyncNowOutput)
  | {
      readonly type: "rejected";
      readonly id: string;
      readonly reason: string;
      /** Whether it was refused for good; else it stays queued. */
      readonly givenUp: boolean;
    };

/** `sync status --json`. */
export interface SyncStatusOutput {
  readonly scopes: readonly {
    /** The account it is queued for; all three are absent until somebody logs in, and `team` is null for a user without a team. */
    readonly service?: string;
    /** The email address of a user who is logged in here, else the service's own id. */
    readonly user?: string;
    readonly team?: string | null;
    readonly events: number;
    readonly artifacts: number;
    /** Refused for good, and stored with the reason. */
    readonly givenUp: number;
  }[];
  /** The state of the service; present with `--check`. */
  readonly health?: "connected" | "authentication_failed" | "denied" | "unexpected" | "unreachable";
}

/** A line of `sync watch --json`: a snapshot first and after every reconnection, then each event as the service sends it. */
export type WatchLine =
  | { readonly type: "snapshot"; readonly work_packages: readonly unknown[] }
  | { readonly type: "event"; readonly [member: string]: unknown };
