import type { AuthSession } from "../app/auth.ts";
import type { AuthErrorCode } from "../base/errors.ts";
import type { DrainReport } from "../sync/event-drain.ts";

/** By command, such as `JsonOutput["auth token"]`. Times are ISO 8601 in UTC; absent members are unknown. */
export interface JsonOutput {
  /** Also `auth login`. */
  readonly "auth status": {
    readonly authenticated: boolean;
    /** By this machine's clock. */
    readonly expired?: true;
    /** True only with `--check`. */
    readonly checked: boolean;
    readonly profile: string;
    /** `--profile`, `profile` (the program's option), a variable, a directory (`--here in …`), or `active`. */
    readonly profileSource: string;
    /** Of a lent login; without `until`, as long as its agent runs. */
    readonly lender?: { readonly host: string; readonly until?: string };
    /** The variable or option of a token that takes precedence over the session. */
    readonly tokenSource?: string;
    readonly service?: string;
    /** If it is not the service. */
    readonly issuer?: string;
    readonly tokenType?: "Bearer" | "DPoP";
    readonly hasRefreshToken?: boolean;
    readonly scope?: string;
    /** Requested, but the issuer did not grant it. */
    readonly missingScope?: string;
    readonly user?: AuthSession["user"];
    /** The default. */
    readonly team?: { readonly id: string; readonly name: string };
    readonly teams?: AuthSession["teams"];
    readonly accessTokenExpiresAt?: string;
    readonly refreshTokenExpiresAt?: string;
    readonly storage: {
      /** As in `--storage`; `shared`: a store of several machines. */
      readonly kind: "keychain" | "file" | "memory" | "shared";
      readonly key: "keychain" | "passphrase" | "machine" | "program" | "none";
      readonly path?: string;
      /** Of the shared store. */
      readonly name?: string;
    };
    readonly sessionId?: string;
    readonly authFlow?: "authorization_code" | "device_code" | "token";
    readonly authenticatedAt?: string;
    /** When the issuer last gave tokens. */
    readonly refreshedAt?: string;
    /** The command or program. */
    readonly refreshedBy?: string;
    readonly ended?: {
      readonly user: JsonOutput["auth whoami"]["user"];
      /** `expired`: as announced; `revoked`: earlier, by the issuer; `logout`: here; `replaced`: by another login. */
      readonly reason: "expired" | "revoked" | "logout" | "replaced";
      /** Or when that was noticed. */
      readonly endedAt: string;
      /** The command or program that ended it, or noticed its end. */
      readonly by?: string;
      /** The issuer's words. */
      readonly said?: string;
      readonly refreshedAt: string;
      readonly refreshedBy?: string;
    };
  };
  /** The sessions are removed here in each case. */
  readonly "auth logout": {
    readonly loggedOut: readonly {
      readonly profile: string;
      /**
       * `none`: not logged in; `not told`: with `--force`; `unconfirmed`: the tokens may remain valid until they
       * expire.
       */
      readonly server: "ended" | "unconfirmed" | "not told" | "none";
      readonly error?: { readonly code: AuthErrorCode; readonly message: string };
      /** If the issuer revokes them one by one (RFC 7009). */
      readonly tokens?: readonly { readonly token: "refresh_token" | "access_token"; readonly revoked: boolean }[];
    }[];
  };
  readonly "auth token": {
    readonly accessToken: string;
    /** `DPoP`: useless to other programs. */
    readonly tokenType: "Bearer" | "DPoP";
    readonly expiresAt?: string;
    /** The variable or option, if not from a login. */
    readonly source?: string;
  };
  readonly "auth token --id-token": { readonly idToken: string; readonly expiresAt: string };
  /** On one line, once it serves. It contains the secret. */
  readonly "auth agent": {
    /** Set it to `value` where the login is used. */
    readonly variable: string;
    readonly value: string;
    /** Or `origin`, for http. */
    readonly socket?: string;
    readonly origin?: string;
    readonly profile: string;
    readonly service: string;
    readonly until?: string;
  };
  readonly "auth refresh": { readonly refreshed: true; readonly accessTokenExpiresAt?: string };
  readonly "auth list": {
    readonly profiles: readonly {
      readonly profile: string;
      readonly service: string;
      /** Of the login, or of the last one. */
      readonly user?: AuthSession["user"];
      /** Used when nothing names another. */
      readonly active: boolean;
      readonly authenticated: boolean;
      readonly expired?: true;
      readonly ended?: JsonOutput["auth status"]["ended"];
    }[];
  };
  readonly "auth switch": {
    readonly active: string;
    /** The directory tree of `--here`. */
    readonly folder?: string;
  };
  readonly "auth team": {
    readonly profile: string;
    readonly team?: AuthSession["teams"][number];
    readonly teams: AuthSession["teams"];
  };
  /** Later versions may add members and numbers; otherwise `schemaVersion` changes. */
  readonly "auth doctor": {
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
  };
  /** `url`: of repositories for which git asks this tool. */
  readonly "auth setup-git": { readonly url: string; readonly helper: string };
  readonly "auth setup-git --undo": { readonly removed: readonly JsonOutput["auth setup-git"][] };
  readonly "auth whoami": {
    readonly user: NonNullable<AuthSession["user"]>;
    readonly profile?: string;
    /** As of `auth status`. */
    readonly tokenSource?: string;
  };
  readonly "sync emit": { readonly queued: true; readonly eventId: string };
  readonly "sync upload": { readonly queued: number };
  readonly "sync now": Omit<DrainReport, "failure"> & {
    /** Why sending ended early. */
    readonly stopped?: { readonly code: AuthErrorCode; readonly message: string };
  };
  /** A line after each check of the queue, and for each rejection. `givenUp`: no longer queued. */
  readonly "sync run":
    | ({ readonly type: "sent" } & JsonOutput["sync now"])
    | { readonly type: "rejected"; readonly id: string; readonly reason: string; readonly givenUp: boolean };
  readonly "sync status": {
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
  };
  /** A line for each connection, then for each event as sent. */
  readonly "sync watch":
    | { readonly type: "snapshot"; readonly work_packages: readonly unknown[] }
    | { readonly type: "event"; readonly [member: string]: unknown };
  /** Of a command that failed, unless its own type says otherwise. `internal_error`: a bug, or the program cannot be loaded. */
  readonly error: {
    readonly error: {
      readonly code: AuthErrorCode | "internal_error";
      readonly message: string;
      readonly hint: string;
    };
  };
}
