/** The `--json` output of each command. Times are ISO 8601 in UTC; absent members are unknown. */

import type { AuthErrorCode } from "../base/errors.ts";
import type { DrainCounts } from "../sync/event-drain.ts";

/** A team, in the service's words. */
export interface TeamOutput {
  readonly id: string;
  readonly name: string;
  /** The user's role, in the service's words. */
  readonly role?: string;
  /** The user's own, and the default unless another was chosen. */
  readonly isPrivateTeamspace?: boolean;
}

/** The user, as the service says. */
export interface UserOutput {
  readonly id: string;
  readonly email?: string;
  readonly name?: string;
  /** The issuer names no user: `name` is the issuer with the scope, and `id` is this login's. */
  readonly isUnnamed?: true;
}

/** Where the sessions are stored. */
export interface StorageStatus {
  /** As in `--storage`; `shared`: in a store that several machines share. */
  readonly kind: "keychain" | "file" | "memory" | "shared";
  /** The source of the sealing key. */
  readonly key: "keychain" | "passphrase" | "machine" | "program" | "none";
  /** Of the sealed file. */
  readonly path?: string;
  /** Of the shared store, such as `Redis`. */
  readonly name?: string;
}

/** `auth status --json`, and `auth login --json`. */
export interface AuthStatus {
  readonly authenticated: boolean;
  /** By this machine's clock; the service was not asked. */
  readonly expired?: true;
  /** Whether the service was asked just now (`--check`). */
  readonly checked: boolean;
  readonly profile: string;
  /** `--profile`, a variable's name, the directory it was chosen for (`--here in …`), or `active`. */
  readonly profileSource: string;
  /** Where a lent login is stored, and until when, if not until its agent ends. */
  readonly lender?: { readonly host: string; readonly until?: string };
  /** The variable whose token takes precedence over the profile's session, which is then not shown. */
  readonly tokenSource?: string;
  /** The URL that the tokens go to. */
  readonly service?: string;
  /** If it is not the service. */
  readonly issuer?: string;
  /** `DPoP`: bound to a key that is stored with the session. */
  readonly tokenType?: "Bearer" | "DPoP";
  /** False: the session ends with its access token. */
  readonly hasRefreshToken?: boolean;
  /** Granted, separated by spaces (RFC 6749 §3.3). */
  readonly scope?: string;
  /** Requested but not granted, separated by spaces; absent when nothing is missing. */
  readonly missingScope?: string;
  readonly user?: UserOutput;
  /** The default team. */
  readonly team?: Pick<TeamOutput, "id" | "name">;
  readonly teams?: readonly TeamOutput[];
  /** Absent when the server does not say. */
  readonly accessTokenExpiresAt?: string;
  /** Absent when only the service knows, and without a refresh token. */
  readonly refreshTokenExpiresAt?: string;
  readonly storage: StorageStatus;
  /** The service's id. */
  readonly sessionId?: string;
  /** Through the browser, with a code, or by a token. */
  readonly authFlow?: "authorization_code" | "device_code" | "token";
  /** Of the login; a refresh does not change it. */
  readonly authenticatedAt?: string;
  /** When the service last issued tokens. */
  readonly refreshedAt?: string;
  /** The command or program; absent before the first refresh. */
  readonly refreshedBy?: string;
  /** The profile's last ended login. */
  readonly ended?: EndedLoginOutput;
}

/** A login that has ended. */
export interface EndedLoginOutput {
  readonly user: UserOutput;
  /**
   * `expired`: as the service had said. `revoked`: the service ended it earlier. `logout`: here. `replaced`: by another
   * login in its profile.
   */
  readonly reason: "expired" | "revoked" | "logout" | "replaced";
  /** When it expired, or when the end was made or noticed. */
  readonly endedAt: string;
  /** The command or program that ended it, or noticed. */
  readonly by?: string;
  /** The service's words. */
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
  /** All that apply; the first that does not say `either` decides. */
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
  /** Whether nothing would be done: already logged in with all that is requested. */
  readonly isLoggedIn: boolean;
  readonly service: string;
  readonly issuer: string;
  /** Absent when the client is registered for the login. */
  readonly clientId?: string;
  /** Separated by spaces; empty: the issuer's choice. */
  readonly scope: string;
  readonly resource?: string;
  readonly tokenType: "Bearer" | "DPoP";
  /** `PORT` stands for the first free one from 28888 on. Absent for a device login. */
  readonly redirectUri?: string;
  /** `login`: where it begins. */
  readonly endpoints: { readonly login: string; readonly token: string; readonly registration?: string };
  /** As in `--storage`; absent where the program keeps the session itself. */
  readonly storage?: StorageStatus["kind"];
}

/** `auth logout --json`. */
export interface LogoutOutput {
  readonly loggedOut: readonly {
    readonly profile: string;
    /**
     * `none`: not logged in; `not told`: with `--force`; `unconfirmed`: asked, but the session may live on. It is gone
     * here in each case.
     */
    readonly server: "ended" | "unconfirmed" | "not told" | "none";
    /** Why it is `unconfirmed`. */
    readonly error?: { readonly code: AuthErrorCode; readonly message: string };
    /** For each token, if the server revokes them one by one (RFC 7009). */
    readonly tokens?: readonly { readonly token: "refresh_token" | "access_token"; readonly revoked: boolean }[];
  }[];
}

/** `auth token --json`. It contains the token. */
export interface TokenOutput {
  readonly accessToken: string;
  /** A `DPoP` token is bound to a key that stays here: no other program can use it. */
  readonly tokenType: "Bearer" | "DPoP";
  readonly expiresAt?: string;
  /** The variable of the token; absent for a login's. */
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

/**
 * `auth bazel-credential get`, in the spelling of Bazel. It contains the token; `{}` for a URL that is not on the
 * service.
 */
export interface BazelCredential {
  readonly headers: { readonly Authorization: readonly string[] };
  readonly expires?: string;
}

/** `auth agent --json`, on one line, once it serves. It contains the secret. */
export interface AgentOutput {
  /** To set where the login is used, to the value: place, "#" and secret. */
  readonly variable: string;
  readonly value: string;
  /** The place, if a socket; else its URL for http. */
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
    /** Of the login; when not logged in, of the last one. */
    readonly user?: UserOutput;
    /** In use when nothing names another. */
    readonly active: boolean;
    readonly authenticated: boolean;
    /** As in {@link AuthStatus}. */
    readonly expired?: true;
    /** The profile's last ended login. */
    readonly ended?: EndedLoginOutput;
  }[];
}

/** `auth switch --json`. */
export interface SwitchOutput {
  readonly active: string;
  /** With `--here`: the directory tree in which it is active. */
  readonly folder?: string;
}

/** `auth team --json`. */
export interface DefaultTeamOutput {
  readonly profile: string;
  readonly team?: TeamOutput;
  readonly teams: readonly TeamOutput[];
}

/** `auth doctor --json`. Later versions may add members and numbers; otherwise `schemaVersion` changes. */
export interface DoctorReport {
  readonly schemaVersion: 1;
  /** No critical finding. */
  readonly healthy: boolean;
  /** Critical causes, and those worth a warning. Findings with one fix have one cause. */
  readonly critical: number;
  readonly warnings: number;
  readonly findings: readonly {
    /** Stable: `D403` is about the mode of the credentials file in every version. */
    readonly number: string;
    readonly severity: "ok" | "note" | "warning" | "critical";
    readonly subject: string;
    readonly sentence: string;
    /** The fix, with a command to paste if there is one. */
    readonly fix?: string;
  }[];
}

/** `auth setup-git --json`; with `--undo`, a list of them as `removed`. */
export interface GitSetup {
  /** For repositories there, git asks this tool for a token. */
  readonly url: string;
  /** The credential helper, as in git's configuration. */
  readonly helper: string;
}

/** `auth whoami --json`. */
export interface WhoAmI {
  readonly user: UserOutput;
  /** Absent for a token of the environment. */
  readonly profile?: string;
  /** The variable of the token; absent for a login's. */
  readonly tokenSource?: string;
}

/** Every command's output with `--json` when it fails, unless its own says so. The exit code is unchanged. */
export interface ErrorOutput {
  readonly error: {
    /** `internal_error` is a bug. */
    readonly code: AuthErrorCode | "internal_error";
    readonly message: string;
    readonly hint: string;
  };
}

/** `auth exec-credential`, for Kubernetes clients (client.authentication.k8s.io/v1). It contains the token. */
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
  readonly queued: number;
}

/** `sync now --json`. */
export interface SyncNowOutput {
  readonly events: DrainCounts;
  readonly artifacts: DrainCounts;
  /** Events and artifacts still queued. */
  readonly left: number;
  /** Why sending ended early; the rest is still queued. */
  readonly stopped?: { readonly code: AuthErrorCode; readonly message: string };
}

/** A line of `sync run --json`: after each look at the queue, and for each refused event or artifact. */
export type RunLine =
  | ({ readonly type: "sent" } & SyncNowOutput)
  | {
      readonly type: "rejected";
      readonly id: string;
      readonly reason: string;
      /** Refused for good; else still queued. */
      readonly givenUp: boolean;
    };

/** `sync status --json`. */
export interface SyncStatusOutput {
  readonly scopes: readonly {
    /** The account; all three are absent before a login, and `team` is null for a user without a team. */
    readonly service?: string;
    /** The email address if logged in here, else the service's id. */
    readonly user?: string;
    readonly team?: string | null;
    readonly events: number;
    readonly artifacts: number;
    /** Refused for good, and stored with the reason. */
    readonly givenUp: number;
  }[];
  /** Of the service; with `--check`. */
  readonly health?: "connected" | "authentication_failed" | "denied" | "unexpected" | "unreachable";
}

/** A line of `sync watch --json`: a snapshot first and after every reconnection, then each event as sent. */
export type WatchLine =
  | { readonly type: "snapshot"; readonly work_packages: readonly unknown[] }
  | { readonly type: "event"; readonly [member: string]: unknown };
