import type { Secret } from "../../base/secret.ts";
import type { KnownServer } from "../oauth/authorization-server.ts";
import type { Profile } from "../sessions/session.ts";

/** What a login sends, settled before the user is sent anywhere. */
export interface LoginRequest
  extends Pick<KnownServer, "server" | "isDiscovered">,
    Required<Pick<Profile, "service" | "clientId" | "clientSecret">> {
  /** Whether the service may have an API of the default service's kind, which names the user. */
  readonly hasOwnApi: boolean;
  readonly isOpenId: boolean;
  readonly scope: string;
  /** The key to bind the tokens to, a new one for each login. */
  readonly dpopKey: Secret | undefined;
  readonly resource: string | undefined;
  readonly trustedHosts: readonly string[];
  readonly redirectPath: string;
  readonly extra: Readonly<Record<string, string>>;
}
