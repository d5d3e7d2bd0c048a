import { join } from "node:path";
import type { App } from "../../src/app/app.ts";
import { createApp } from "../../src/app/create-app.ts";
import type { AppOverrides } from "../../src/app/overrides.ts";
import { sessionOfTokens } from "../../src/app/testing/stored-session.ts";
import { addKey } from "../../src/auth/sessions/local-changes.ts";
import { newLoginId, type Profile, type Session } from "../../src/auth/sessions/session.ts";
import type { FakeSaas } from "../fake-saas/server.ts";
import type { UserName } from "../fake-saas/users.ts";
import type { CommandEnvironment } from "./command.ts";

export interface SessionOptions {
  user?: UserName;
  /** Remaining validity of the access token, in milliseconds; expired an hour ago by default. */
  leftMs?: number;
  now?: number;
}

/** A session of the service, from a login two hours ago. */
export function sessionOf(
  saas: FakeSaas,
  { user = "alice", leftMs = -3_600_000, now = Date.now() }: SessionOptions = {},
): Session {
  const session = sessionOfTokens(saas, saas.issue({ user, expiresIn: leftMs / 1000 }));
  const issuedAt = Math.min(now, now + leftMs - 3_600_000);
  return {
    ...session,
    issuedAt,
    accessTokenExpiresAt: now + leftMs,
    user: { id: `u_${user}`, email: `${user}@example.com`, name: user },
    teams: [],
    authenticatedAt: issuedAt,
  };
}

/** Replaces the stored session, sealed by the machine's key. The app is this test's view of the files. */
export async function storeSession(
  saas: FakeSaas,
  env: CommandEnvironment,
  session: Session,
  { profile = "default", ...overrides }: AppOverrides & { profile?: string } = {},
): Promise<App> {
  const app = createApp({ env, ...overrides });
  // Another login each time.
  const kept = {
    service: saas.url,
    clientId: "cli_native",
    team: undefined,
    session: { ...session, id: newLoginId() },
  };
  if (app.isLocal && app.local.keys.own() === undefined)
    await addKey(await (await app.keySource("machine")).create(), false, app.local);
  await app.store.change(profile, () => kept);
  return app;
}

/** Stores a session as `auth login` does, without a process. */
export async function signIn(
  saas: FakeSaas,
  env: CommandEnvironment,
  { user = "alice", profile = "default" }: { user?: UserName; profile?: string } = {},
): Promise<void> {
  const { user_id: id, email = "", name = "", teams: told } = saas.users[user];
  const teams = told.map(({ id, name = id, role = "member", is_private_teamspace: isPrivateTeamspace = false }) => ({
    id,
    name,
    role,
    isPrivateTeamspace,
  }));
  await storeSession(
    saas,
    env,
    { ...sessionOf(saas, { user, leftMs: 3_600_000 }), user: { id, email, name }, teams },
    { profile },
  );
}

export async function storedSession(env: CommandEnvironment, profile = "default"): Promise<Session | undefined> {
  return (await storedProfile(env, profile))?.session;
}

export async function storedProfile(env: CommandEnvironment, profile = "default"): Promise<Profile | undefined> {
  return (await createApp({ env }).store.read(profile)).profile;
}

/** Stores a key with a slot for this keychain entry, a key of zeros. */
export async function keyInKeychain(env: CommandEnvironment, account = "sessions-test"): Promise<void> {
  await addKey({ way: { source: "keychain", account }, key: Buffer.alloc(32) }, false, createApp({ env }).local);
}

/** The file of a profile's login, existing or not; undefined when not logged in. */
export async function loginFile(env: CommandEnvironment, profile = "default"): Promise<string | undefined> {
  const { local, store } = createApp({ env });
  const key = await local.keys.open();
  const session = (await store.read(profile)).profile?.session;
  if (key === undefined || session === undefined) return undefined;
  return key.path(join(key.hiddenName(profile), session.id));
}
