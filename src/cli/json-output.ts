/**
 * What the commands print with `--json`, a type each. Times are ISO 8601 in UTC; a member that is not there is not known.
 */

import type { AuthErrorCode } from "../base/errors.ts";

/** A team, as the service calls it. */
export interface TeamAnswer {
  readonly id: string;
  readonly name: string;
  /** The user's role in it, in the service's word. */
  readonly role?: string;
  /** Whether it is the user's own. It is the default team where the user has chosen none. */
  readonly isPrivateTeamspace?: boolean;
}

/** Who is logged in, as the service says. */
export interface UserAnswer {
  readonly id: string;
  readonly email?: string;
  readonly name?: string;
}

/** Where the sessions are kept. */
export interface StorageStatus {
  /** As `--storage` takes it. */
  readonly kind: "keychain" | "file" | "memory";
  /** Where the key of the sealed file comes from. */
  readonly key: "keychain" | "passphrase" | "machine" | "none";
  /** Of the sealed file. */
  readonly path?: string;
}

/** `spec-kitty auth status --json`, and `auth login --json`. */
export interface AuthStatus {
  readonly authenticated: boolean;
  /** Whether the service was asked just now (`--check`). All else is what is known here. */
  readonly checked: boolean;
  readonly profile: string;
  /** What has chosen the profile: `--profile`, `SPEC_KITTY_PROFILE`, the path of a `.spec-kitty-profile`, or `active`. */
  readonly profileSource: string;
  /** There when a token in this variable goes before the profile's own session, of which nothing else is said then. */
  readonly tokenSource?: "SPEC_KITTY_ACCESS_TOKEN";
  /** The address that the tokens go to. */
  readonly service?: string;
  /** Who issued the tokens, where that is not the service. */
  readonly issuer?: string;
  /** `DPoP` when the access token is bound to a key that is kept with the session. */
  readonly tokenType?: "Bearer" | "DPoP";
  readonly user?: UserAnswer;
  /** The default team. */
  readonly team?: Pick<TeamAnswer, "id" | "name">;
  readonly teams?: readonly TeamAnswer[];
  /** Absent when the server does not say. */
  readonly accessTokenExpiresAt?: string;
  /** Absent when only the service knows. */
  readonly refreshTokenExpiresAt?: string;
  readonly storage: StorageStatus;
  /** The service's own name of the session. */
  readonly sessionId?: string;
  /** Through the browser, or by a code. */
  readonly authFlow?: "authorization_code" | "device_code";
  /** When the user was let in; a refresh does not change it. */
  readonly authenticatedAt?: string;
  /** When tokens were last taken from the service: at login or by a refresh. */
  readonly lastUsedAt?: string;
}

/** `spec-kitty auth login --explain --json`. */
export interface LoginExplanation {
  readonly login: "browser" | "device";
  /** In words. */
  readonly reason: string;
  /** What was found; the first that does not say `either` has decided. */
  readonly signals: readonly { readonly name: string; readonly value: string; readonly meaning: string; readonly login: "browser" | "device" | "either" }[];
}

/** `spec-kitty auth logout --json`. */
export interface LogoutAnswer {
  readonly loggedOut: readonly {
    readonly profile: string;
    /** `none` when nobody was logged in; `not told` when the session was removed here only. */
    readonly server: "ended" | "not told" | "none";
    /** How it went for each token, where the server revokes them one by one (RFC 7009). */
    readonly tokens?: readonly { readonly token: "refresh_token" | "access_token"; readonly revoked: boolean }[];
  }[];
}

/** `spec-kitty auth token --json`. It holds the token. */
export interface TokenAnswer {
  readonly accessToken: string;
  /** A `DPoP` token is bound to a key that stays here: no other program can use it. */
  readonly tokenType: "Bearer" | "DPoP";
  readonly expiresAt?: string;
  /** There when the token is that variable's. */
  readonly source?: "SPEC_KITTY_ACCESS_TOKEN";
}

/** `spec-kitty auth refresh --json`. */
export interface RefreshAnswer {
  readonly refreshed: true;
  readonly accessTokenExpiresAt?: string;
}

/** `spec-kitty auth list --json`. */
export interface ProfileList {
  readonly profiles: readonly {
    readonly profile: string;
    readonly service: string;
    readonly user?: UserAnswer;
    /** Whether it is the one that is used when nothing names another. */
    readonly active: boolean;
    readonly authenticated: boolean;
  }[];
}

/** `spec-kitty auth switch --json`. */
export interface SwitchAnswer {
  readonly active: string;
}

/** `spec-kitty auth team --json`. */
export interface DefaultTeamAnswer {
  readonly profile: string;
  readonly team?: TeamAnswer;
  readonly teams: readonly TeamAnswer[];
}

/** `spec-kitty auth doctor --json`. A later version adds members and numbers; `schemaVersion` changes when that is not enough. */
export interface DoctorReport {
  /** Of this answer. */
  readonly schemaVersion: 1;
  /** Whether there is no critical finding. */
  readonly healthy: boolean;
  /** How many findings are critical, and how many are warnings. */
  readonly critical: number;
  readonly warnings: number;
  readonly findings: readonly {
    /** Stable: `D403` is about the mode of the credentials file in every version. */
    readonly number: string;
    readonly severity: "ok" | "note" | "warning" | "critical";
    /** What was looked at, in a word or two. */
    readonly subject: string;
    readonly sentence: string;
    /** What mends it. */
    readonly fix?: string;
  }[];
}

/** `spec-kitty auth exec-credential`: what Kubernetes clients read (client.authentication.k8s.io/v1). It holds the token. */
export interface ExecCredential {
  readonly apiVersion: "client.authentication.k8s.io/v1";
  readonly kind: "ExecCredential";
  readonly status: { readonly expirationTimestamp?: string; readonly token: string };
}

/** `spec-kitty sync emit --json`. */
export interface EmitAnswer {
  readonly queued: true;
  readonly eventId: string;
}

/** `spec-kitty sync upload --json`. */
export interface UploadAnswer {
  /** How many artifacts. */
  readonly queued: number;
}

/** What became of events, or of artifacts, in a drain. */
export interface DrainCountsAnswer {
  /** Taken by the service now. */
  readonly delivered: number;
  /** Delivered earlier, as the service says. */
  readonly duplicates: number;
  /** The service has not decided yet; they stay queued. */
  readonly pending: number;
  /** Refused, for now or for good. */
  readonly rejected: number;
}

/** `spec-kitty sync now --json`. */
export interface SyncNowAnswer {
  readonly events: DrainCountsAnswer;
  readonly artifacts: DrainCountsAnswer;
  /** How many of both still wait. */
  readonly left: number;
  /** Why it ended early; what it did not reach waits untouched. */
  readonly stopped?: { readonly code: AuthErrorCode; readonly message: string };
}

/** `spec-kitty sync status --json`. */
export interface SyncStatusAnswer {
  readonly scopes: readonly {
    /** For whom it waits; the three are absent while nobody has logged in since, and `team` is null for who is in none. */
    readonly service?: string;
    readonly user?: string;
    readonly team?: string | null;
    readonly events: number;
    readonly artifacts: number;
    /** Refused for good, and kept with the reason. */
    readonly putAside: number;
  }[];
  /** How the service answers; there with `--check`. */
  readonly health?: "connected" | "authentication_failed" | "denied" | "unexpected" | "unreachable";
}

/** A line of `spec-kitty sync watch --json`: first what there is, and again after every new connection; then what happens, as the service tells it. */
export type WatchLine =
  | { readonly type: "snapshot"; readonly work_packages: readonly unknown[] }
  | { readonly type: "event"; readonly [member: string]: unknown };
