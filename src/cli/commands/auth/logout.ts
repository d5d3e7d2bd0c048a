import { logout, tokenName, unconfirmed, type LogoutOutcome } from "../../../auth/flows/logout.ts";
import type { App } from "../../../app/app.ts";
import { accountName, noChoice } from "../../../auth/sessions/session.ts";
import { readAll } from "../../../auth/sessions/store.ts";
import { keychainAccount } from "../../../auth/secure-storage/keychain.ts";
import { AuthError, hint, isAuthError } from "../../../base/errors.ts";
import { defineCommand, jsonOption, profileOption, usageError, type Command, type Context } from "../../command.ts";
import { refuseLent } from "../../lent.ts";
import type { JsonOutput } from "../../json-output.ts";

export const command: Command = defineCommand({
  usage: "auth logout",
  description: "End the session at the service and here. With --profile or --all, remove the profile, too.",
  options: {
    force: { help: "log out here only" },
    "keep-profile": { help: "keep the profile's settings" },
    all: { help: "log out of every profile; remove logins and the data key" },
    ...profileOption,
    ...jsonOption,
  },
  examples: [
    ["auth logout"],
    ["auth logout --profile work"],
    ["auth logout --all --force", "remove every login, even if it cannot be read"],
  ],
  async run(context, values) {
    const { app, out } = context;
    await refuseLent(app, "log out");
    const [all, force] = [values.all === true, values.force === true];
    if (all && values.profile !== undefined)
      throw usageError("--all and --profile cannot be used together", hint`Usage: ${{ command: "auth logout --all" }}`);
    const named = values.profile;
    if (values["keep-profile"] && named === undefined)
      throw usageError(
        "--keep-profile needs --profile",
        hint`Omit both to keep the profile: ${{ command: "auth logout" }}`,
      );
    const outcomes = await logOutOfEach(context, await profilesToEnd(context, all, force), force);
    // Without storage, an existing file and its key belong to other settings.
    const left = all && app.isKept ? await removeEverything(context, force ? undefined : "sessions") : undefined;
    const isForgotten = named !== undefined && !values["keep-profile"] && (await forget(app, named));
    const others = all ? [] : await othersLoggedIn(app);
    const active = isForgotten ? await activeAfter(app, named) : undefined;
    if (values.json)
      return out.json<JsonOutput["auth logout"]>({
        loggedOut: [...outcomes].map(([profile, outcome]) => ({
          profile,
          ...atServer(outcome),
          tokens: tokensOf(outcome),
        })),
      });
    for (const [name, outcome] of outcomes) {
      if (outcome.kind === "not-logged-in") out.answer(`Not logged in (profile "${name}").`);
      else out.done(`Logged out${outcome.kind === "local" ? " here" : ""} (profile "${name}").${revoked(outcome)}`);
      unconfirmed(outcome).forEach(out.warn);
    }
    if (active?.length === 1) out.say(`The active profile is "${active[0]}" now.`);
    else if (active !== undefined) {
      out.say("This was the active profile.");
      out.hint(hint`Use one of: ${active.join(", ")}. Run: ${{ command: "auth switch PROFILE" }}`);
    } else if (others.length > 0) {
      out.say(`Still logged in: ${others.join(", ")}.`);
      out.hint(hint`To use one: ${{ command: "auth switch" }}`);
    }
    // With --all, also those under new names.
    const newLogins = left ?? [...outcomes].flatMap(([name, { hasNewLogin }]) => (hasNewLogin ? name : []));
    const again = { command: "auth logout", options: left ? ["--all"] : [] };
    for (const name of newLogins)
      out.warn(hint`a new login has replaced this one (profile "${name}"). To end it, too: ${again}`);
    if (all && !app.isKept)
      out.answer(`Nothing is stored: ${app.settings.storage?.source} is memory. Sessions stored without it remain.`);
    if (left?.length === 0) out.done("No login is stored here.");
    await sayGit(context);
  },
});

/** git goes on asking, and gets an unexpected refusal. */
async function sayGit({ app, out }: Context): Promise<void> {
  const { gitSetups } = await import("../../git-helper.ts");
  // Without git, or with a broken configuration, it does not ask.
  const setups = await gitSetups(app).catch((error: unknown) => {
    if (isAuthError(error)) return [];
    throw error;
  });
  if (setups.length > 0)
    out.hint(
      hint`To stop git from using the login for ${setups.map(({ origin }) => origin).join(", ")}: ${{ command: "auth setup-git", options: ["--undo"] }}`,
    );
}

/** @returns whether the profile is gone: a new login keeps it */
async function forget({ store }: App, name: string): Promise<boolean> {
  return (await store.change(name, (stored) => (stored?.session ? stored : undefined))) === undefined;
}

/**
 * After the active profile was forgotten: the only remaining one replaces it. Its directories have no choice again.
 *
 * @returns the active one now; if several remain, the candidates; undefined without a change
 */
async function activeAfter(
  { store, sharedStore }: App,
  forgotten: string,
): Promise<readonly [string, ...string[]] | undefined> {
  // Of a shared store the program chooses.
  if (sharedStore !== undefined) return undefined;
  const [only, ...more] = await store.names();
  let wasActive = false;
  await store.choose((choice) => {
    wasActive = choice.active === forgotten;
    const folders = new Map([...(choice.folders ?? [])].filter(([, name]) => name !== forgotten));
    const isDecided = wasActive && more.length === 0;
    return { active: isDecided ? (only ?? noChoice.active) : choice.active, folders };
  });
  return wasActive && only !== undefined ? [only, ...more] : undefined;
}

async function othersLoggedIn(app: App): Promise<string[]> {
  const { name: current } = await app.profileInUse({ mayBeNew: true });
  return [...(await readAll(app.store)).profiles].flatMap(([name, profile]) =>
    name === current || profile.session === undefined ? [] : [`"${name}" as ${accountName(profile)}`],
  );
}

type Target = readonly [name: string, service: string | undefined];

/** Logs out of each profile at its own service, whatever the environment says. */
async function logOutOfEach(
  { app, signal }: Context,
  profiles: readonly Target[],
  force: boolean,
): Promise<Map<string, LogoutOutcome>> {
  const outcomes = new Map<string, LogoutOutcome>();
  const exchange = app.exchange(signal);
  let failure: AuthError | undefined;
  for (const [name, service] of profiles) {
    try {
      const { store, command: by } = app;
      outcomes.set(name, await logout(name, { store, tokens: app.tokens(name, service), exchange, force, by }));
    } catch (error) {
      if (!(error instanceof AuthError) || error.code === "interrupted") throw error;
      // The others must still end at their services.
      failure ??= error;
    }
  }
  if (failure) throw failure;
  return outcomes;
}

function atServer(outcome: LogoutOutcome): Pick<JsonOutput["auth logout"]["loggedOut"][number], "server" | "error"> {
  if (outcome.kind === "ended") return { server: "ended" };
  if (outcome.kind === "not-logged-in") return { server: "none" };
  const { error } = outcome;
  return error === undefined
    ? { server: "not told" }
    : { server: "unconfirmed", error: { code: error.code, message: error.message } };
}

function tokensOf(outcome: LogoutOutcome): JsonOutput["auth logout"]["loggedOut"][number]["tokens"] {
  if (!("tokens" in outcome)) return undefined;
  return outcome.tokens?.map(({ token, error }) => ({ token, revoked: error === undefined }));
}

function revoked(outcome: LogoutOutcome): string {
  const names = (tokensOf(outcome) ?? []).filter((result) => result.revoked).map(tokenName);
  return names.length === 0 ? "" : ` Revoked: ${names.join(", ")}.`;
}

async function profilesToEnd({ app }: Context, all: boolean, force: boolean): Promise<Target[]> {
  if (all && force) return [];
  if (all) return [...(await readAll(app.store)).profiles].map(([name, { service }]) => [name, service]);
  const { name, profile } = await app.profileInUse();
  return [[name, profile?.service]];
}

/** @returns the profiles that stay because of `but` */
async function removeEverything({ app, out }: Context, but: "sessions" | undefined): Promise<readonly string[]> {
  // --all also removes an unreadable file.
  const account = keychainAccount(app.local.keys);
  const { profiles, hosts } = await app.store.removeAll(but, async () => {
    if (account === undefined) return;
    try {
      await (await app.keychain()).remove(account);
    } catch (error) {
      if (!(error instanceof AuthError)) throw error;
      out.warn(`the key is still in the keychain (${error.message}), but no longer opens anything`);
    }
  });
  if (hosts.length > 0) out.warn(`logins of other machines or containers remain: ${hosts.join(", ")}`);
  return profiles;
}
