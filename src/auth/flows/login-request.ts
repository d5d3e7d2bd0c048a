import type { Secret } from "../../base/secret.ts";
import type { KnownServer } from "../oauth/authorization-server.ts";
import type { Client } from "../oauth/client-authentication.ts";
import type { Profile } from "../sessions/session.ts";

/** Settled before the user is sent anywhere. */
export interface LoginRequest extends Pick<KnownServer, "server" | "isDiscovered">, Client, Pick<Profile, "service"> {
  /** Whether the service may have the default service's API. */
  readonly hasOwnApi: boolean;
  readonly isOpenId: boolean;
  readonly scope: string;
  /** A new one for each login. */
  readonly dpopKey: Secret | undefined;
  readonly resource: string | undefined;
  readonly trustedHosts: readonly string[];
  readonly redirectPath: string;
  readonly extra: Readonly<Record<string, string>>;
}
