import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { hostname } from "node:os";
import type { App } from "./app.ts";
import { agentValue, type AgentPlace } from "../agent/address.ts";
import { lenderOf } from "../agent/lender.ts";
import type { LentToken } from "../agent/protocol.ts";
import { agentServer } from "../agent/server.ts";
import { tokensOfAccount } from "../auth/account-tokens.ts";
import type { Profile } from "../auth/sessions/session.ts";
import { notLoggedIn } from "../auth/token-manager/ended-login.ts";
import { AuthError, reasonOf } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { privateSocket, type SocketPlace } from "../platform/private-socket.ts";

interface AgentOptions {
  /** Listens on this loopback port instead of a socket; 0 for any free one. */
  readonly port: number | undefined;
  /** Whether other users may connect to the socket, with the secret. */
  readonly isShared: boolean;
  /** In milliseconds; undefined: until closed. */
  readonly limitMs: number | undefined;
  /** Whether a new client may borrow; `who`: how it describes itself. */
  readonly allows: (who: string) => Promise<boolean>;
  readonly gave: (who: string, token: LentToken) => void;
}

export interface RunningAgent {
  readonly profile: string;
  readonly lent: Profile;
  /** The value of `…_AGENT` where the login is used. */
  readonly value: string;
  readonly place: AgentPlace;
  /** Ends the loan. Tokens already given stay valid until they expire. */
  close(): Promise<void>;
}

/**
 * Lends the login in use: this one, even after a switch or another login.
 *
 * @throws AuthError `not_authenticated`, `storage_…`, and `configuration_invalid` when it cannot listen
 */
export async function startAgent(app: App, options: AgentOptions): Promise<RunningAgent> {
  const { clock } = app;
  const { name, profile } = await app.profileInUse();
  const session = profile?.session;
  if (profile === undefined || session === undefined) throw notLoggedIn(name, profile, clock.now());
  const { user, teams } = session;
  const { service } = profile;
  const account = { service, user: user.id, label: user.email ?? user.name };
  const endsAt = options.limitMs === undefined ? undefined : clock.monotonic() + options.limitMs;
  // 256 bits cannot be guessed, so tries need no limit.
  const secret = new Secret(randomBytes(32).toString("base64url"));
  const server = agentServer({
    secret,
    ...lenderOf(tokensOfAccount(app.tokens(), account), clock),
    loan: () => ({
      host: hostname(),
      profile: name,
      service,
      user,
      teams,
      team: profile.team ?? null,
      expires_in: endsAt === undefined ? null : Math.max(0, Math.round((endsAt - clock.monotonic()) / 1000)),
    }),
    allows: options.allows,
    gave: options.gave,
  });
  const { port, isShared } = options;
  let socket: SocketPlace | undefined;
  const close = async (): Promise<void> => {
    const closed = server.listening ? once(server, "close") : undefined;
    server.close();
    server.closeAllConnections();
    await closed;
    socket?.remove();
  };
  try {
    const { env, platform } = app;
    socket = port === undefined ? privateSocket(`${app.identity.name}-agent`, { env, platform, isShared }) : undefined;
    server.listen(socket === undefined ? { port, host: "127.0.0.1" } : { path: socket.path });
    await once(server, "listening");
    socket?.open();
  } catch (cause) {
    await close();
    const what = port === undefined ? "a socket" : `port ${port}`;
    throw new AuthError("configuration_invalid", `the agent cannot listen on ${what} (${reasonOf(cause)})`, {
      hint: port === undefined ? "Set XDG_RUNTIME_DIR to a directory you own" : "Name another port, or 0 for any",
      cause,
    });
  }
  const found = server.address();
  const place: AgentPlace =
    socket === undefined
      ? { origin: `http://127.0.0.1:${found !== null && typeof found === "object" ? found.port : ""}` }
      : { socket: socket.path };
  return { profile: name, lent: profile, value: agentValue(place, secret), place, close };
}
