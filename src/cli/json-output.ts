/** The `--json` output of each command. Times are ISO 8601 in UTC; absent members are unknown. */

import type { AuthErrorCode } from "../base/errors.ts";
import type { DrainCounts } from "../sync/event-drain.ts";

/** A team, in the service's words. */
export interface TeamOutput {
  readonly id: string;
  readonly name: string;
  readonly role?: string;
  /** The user's own; the default, unless another was chosen. */
  readonly isPrivateTeamspace?: boolean;
}

/** The user, as the service names them. */
export interface UserOutput {
  readonly id: string;
  readonly email?: string;
  readonly name?: string;
  /** The issuer names no user: `name` is the issuer's, and `id` is this login's. */
  readonly isUnnamed?: true;
}

/** Where the sessions are stored. */
export interface StorageStatus {
  /** As in `--storage`; `shared`: a store of several machines. */
  readonly kind: "keychain" | "file" | "memory" | "shared";
  readonly key: "keychain" | "passphrase" | "machine" | "program" | "none";
  readonly path?: string;
  /** Of the shared store. */
  readonly name?: string;
}

/** `auth status` and `auth login`. */
export interface AuthStatus {
  readonly authenticated: boolean;
  /** By this machine's clock. */
  readonly expired?: true;
  /** True only with `--check`. */
  readonly checked: boolean;
  readonly profile: string;
  /** `--profile`, a variable, a directory (`--here in …`), or `active`. */
  readonly profileSource: string;
  /** Of a lent login; without `until`, as long as its agent runs. */
  readonly lender?: { readonly host: string; readonly until?: string };
  /** The variable of a token that takes precedence over the session. */
  readonly tokenSource?: string;
  readonly service?: string;
  /** If it is not the service. */
  readonly issuer?: string;
  readonly tokenType?: "Bearer" | "DPoP";
  readonly hasRefreshToken?: boolean;
  readonly scope?: string;
  /** Requested, but not granted. */
  readonly missingScope?: string;
  readonly user?: UserOutput;
  /** The default. */
  readonly team?: Pick<TeamOutput, "id" | "name">;
  readonly teams?: readonly TeamOutput[];
  readonly accessTokenExpiresAt?: string;
  readonly refreshTokenExpiresAt?: string;
  readonly storage: StorageStatus;
  readonly sessionId?: string;
  readonly authFlow?: "authorization_code" | "device_code" | "token";
  readonly authenticatedAt?: string;
  /** When the service last issued tokens. */
  readonly refreshedAt?: string;
  /** The command or program. */
  readonly refreshedBy?: string;
  readonly ended?: EndedLoginOutput;
}

/** A login that has ended. */
export interface EndedLoginOutput {
  readonly user: UserOutput;
  /** `expired`: as announced; `revoked`: earlier, by the service; `logout`: here; `replaced`: by another login. */
  readonly reason: "expired" | "revoked" | "logout" | "replaced";
  /** Or when that was noticed. */
  readonly endedAt: string;
  /** The command or program that ended it, or noticed its end. */
  readonly by?: string;
  /** The service's words. */
  readonly said?: string;
  readonly refreshedAt: string;
  readonly refreshedBy?: string;
}

/** `auth login --explain`. */
export interface LoginExplanation {
  readonly login: "browser" | "device";
  readonly reason: string;
  /** The first that does not say `either` decides. */
  readonly signals: readonly {
    readonly name: string;
    readonly value: string;
    readonly meaning: string;
    readonly login: "browser" | "device" | "either";
  }[];
  /** Whether a browser is opened here. */
  readonly opens: boolean;
  readonly profile: string;
  readonly profileSource: string;
  /** Whether the login creates the profile. */
  readonly isNew: boolean;
  /** True: nothing would be done. */
  readonly isLoggedIn: boolean;
  readonly service: string;
  readonly issuer: string;
  /** Absent if the login registers one. */
  readonly clientId?: string;
  /** Empty: the issuer's choice. */
  readonly scope: string;
  readonly resource?: string;
  readonly tokenType: "Bearer" | "DPoP";
  /** `PORT`: the first free one of 28888 to 28898, else any. */
  readonly redirectUri?: string;
  readonly endpoints: { readonly login: string; readonly token: string; readonly registration?: string };
  /** Absent if the program keeps the session. */
  readonly storage?: StorageStatus["kind"];
}

/** `auth logout`; the sessions are removed here in each case. */
export interface LogoutOutput {
  readonly loggedOut: readonly {
    readonly profile: string;
    /**
     * `none`: not logged in; `not told`: with `--force`; `unconfirmed`: the tokens may remain valid until they
     * expire.
     */
    readonly server: "ended" | "unconfirmed" | "not told" | "none";
    readonly error?: { readonly code: AuthErrorCode; readonly message: string };
    /** If the service revokes them one by one (RFC 7009). */
    readonly tokens?: readonly { readonly token: "refresh_token" | "access_token"; readonly revoked: boolean }[];
  }[];
}

/** `auth token`. */
export interface TokenOutput {
  readonly accessToken: string;
  /** `DPoP`: useless to other programs. */
  readonly tokenType: "Bearer" | "DPoP";
  readonly expiresAt?: string;
  /** The variable, if not from a login. */
  readonly source?: string;
}

/** `auth token --id-token`. */
export interface IdTokenOutput {
  readonly idToken: string;
  readonly expiresAt: string;
}

/** `auth google-credential`: as in AIP-4117, with the ID token. */
export interface GoogleCredential {
  readonly version: 1;
  readonly success: true;
  readonly token_type: "urn:ietf:params:oauth:token-type:id_token";
  readonly id_token: string;
  /** In seconds since 1970. */
  readonly expiration_time: number;
}

/** `auth docker-credential get`: as in docker-credential-helpers, with the token. */
export interface DockerCredential {
  readonly ServerURL: string;
  readonly Username: string;
  readonly Secret: string;
}

/** `auth bazel-credential get`: as in Bazel, with the token; `{}` for URLs of other services. */
export interface BazelCredential {
  readonly headers: { readonly Authorization: readonly string[] };
  readonly expires?: string;
}

/** `auth agent`, on one line, once it serves. It contains the secret. */
export interface AgentOutput {
  /** Set it to `value` where the login is used. */
  readonly variable: string;
  readonly value: string;
  /** Or `origin`, for http. */
  readonly socket?: string;
  readonly origin?: string;
  readonly profile: string;
  readonly service: string;
  readonly until?: string;
}

/** `auth refresh`. */
export interface RefreshOutput {
  readonly refreshed: true;
  readonly accessTokenExpiresAt?: string;
}

/** `auth list`. */
export interface ProfileList {
  readonly profiles: readonly {
    readonly profile: string;
    readonly service: string;
    /** Of the login, or of the last one. */
    readonly user?: UserOutput;
    /** Used when nothing names another. */
    readonly active: boolean;
    readonly authenticated: boolean;
    readonly expired?: true;
    readonly ended?: EndedLoginOutput;
  }[];
}

/** `auth switch`. */
export interface SwitchOutput {
  readonly active: string;
  /** The directory tree of `--here`. */
  readonly folder?: string;
}

/** `auth team`. */
export interface DefaultTeamOutput {
  readonly profile: string;
  readonly team?: TeamOutput;
  readonly teams: readonly TeamOutput[];
}

/** `auth doctor`. Later versions may add members and numbers; otherwise `schemaVersion` changes. */
export interface DoctorReport {
  readonly schemaVersion: 1;
  /** No critical finding. */
  readonly healthy: boolean;
  /** Causes: findings with one fix count once. */
  readonly critical: number;
  readonly warnings: number;
  readonly findings: readonly {
    readonly number: string;
    readonly severity: "ok" | "note" | "warning" | "critical";
    readonly subject: string;
    readonly sentence: string;
    readonly fix?: string;
  }[];
}

/** `auth setup-git`; with `--undo`, a list as `removed`. */
export interface GitSetup {
  /** Of repositories for which git asks this tool. */
  readonly url: string;
  readonly helper: string;
}

/** `auth whoami`. */
export interface WhoAmI {
  readonly user: UserOutput;
  readonly profile?: string;
  /** As in {@link AuthStatus}. */
  readonly tokenSource?: string;
}

/** A failed command, unless its own type says otherwise. The exit code is unchanged. */
export interface ErrorOutput {
  readonly error: {
    /** `internal_error` is a bug. */
    readonly code: AuthErrorCode | "internal_error";
    readonly message: string;
    readonly hint: string;
  };
}

/** `auth exec-credential`: as in client.authentication.k8s.io/v1, with the token. */
export interface ExecCredential {
  readonly apiVersion: "client.authentication.k8s.io/v1";
  readonly kind: "ExecCredential";
  readonly status: { readonly expirationTimestamp?: string; readonly token: string };
}

/** `sync emit`. */
export interface EmitOutput {
  readonly queued: true;
  readonly eventId: string;
}

/** `sync upload`. */
export interface UploadOutput {
  readonly queued: number;
}

/** `sync now`. */
export interface SyncNowOutput {
  readonly events: DrainCounts;
  readonly artifacts: DrainCounts;
  readonly left: number;
  /** Why sending ended early. */
  readonly stopped?: { readonly code: AuthErrorCode; readonly message: string };
}

/** A line of `sync run`: after each check of the queue, and for each rejection. */
export type RunLine =
  | ({ readonly type: "sent" } & SyncNowOutput)
  | {
      readonly type: "rejected";
      readonly id: string;
      readonly reason: string;
      /** False: still queued. */
      readonly givenUp: boolean;
    };

/** `sync status`. */
export interface SyncStatusOutput {
  readonly scopes: readonly {
    /** Absent before a login. */
    readonly service?: string;
    /** The email address, else the service's ID for the user. */
    readonly user?: string;
    readonly team?: string | null;
    readonly events: number;
    readonly artifacts: number;
    readonly givenUp: number;
  }[];
  /** Only with `--check`. */
  readonly health?: "connected" | "authentication_failed" | "denied" | "unexpected" | "unreachable";
}

/** A line of `sync watch`: a snapshot for each connection, then each event as sent. */
export type WatchLine =
  | { readonly type: "snapshot"; readonly work_packages: readonly unknown[] }
  | { readonly type: "event"; readonly [member: string]: unknown };
