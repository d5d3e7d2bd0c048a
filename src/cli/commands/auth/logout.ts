import { logout, type LogoutOutcome } from "../../../auth/flows/logout.ts";
import type { Profiles } from "../../../auth/session.ts";
import { AuthError } from "../../../base/errors.ts";
import { chosenProfile } from "../../account.ts";
import type { LogoutAnswer } from "../../json-output.ts";
import { defineCommand, jsonOption, profileOption, type Command, type Context } from "../../command.ts";
import { tokenName, warnOfRevocations } from "../../revocation.ts";
import { usageError } from "../../usage.ts";

export const logoutCommand: Command = defineCommand({
  usage: "auth logout",
  description: "End the session at the service, then here, whatever the service says. The profile keeps the address of\nits service for the next login; --all forgets that too.",
  options: {
    force: { type: "boolean", help: "only here: do not tell the service" },
    all: { type: "boolean", help: "every profile, and the file and the keychain entry too" },
    ...profileOption,
    ...jsonOption,
  },
  examples: [
    ["spec-kitty auth logout", "log out"],
    ["spec-kitty auth logout --all --force", "remove everything here, even what cannot be opened"],
  ],
  async run(context, values) {
    const { app, out } = context;
    if (values.all && values.profile !== undefined) throw usageError("--all and --profile exclude each other", "Usage: spec-kitty auth logout --all");
    const names = await profilesToLeave(context, values.all === true, values.force === true);
    const outcomes = new Map<string, LogoutOutcome>();
    let failure: AuthError | undefined;
    const exchange = { fetch: app.fetch, clock: app.clock, signal: context.signal };
    for (const [name, service] of names) {
      // Each at its own service, whatever the environment says now: that is where its session has to end.
      try {
        outcomes.set(name, await logout(name, { store: app.store, tokens: app.tokens(name, service), exchange, force: values.force === true }));
      } catch (error) {
        if (!(error instanceof AuthError) || error.code === "interrupted") throw error;
        // The others end at their services all the same: that is what makes them safe.
        failure ??= error;
      }
    }
    if (failure) throw failure;
    // A file that is there belongs to other settings, and so does the key that opens it.
    const left = values.all && app.isKept ? await removeEverything(context, values.force ? undefined : "sessions") : undefined;
    if (values.json) {
      const server = ({ kind }: LogoutOutcome): LogoutAnswer["loggedOut"][number]["server"] => (kind === "ended" ? "ended" : kind === "not-logged-in" ? "none" : "not told");
      const answer: LogoutAnswer = { loggedOut: [...outcomes].map(([profile, outcome]) => ({ profile, server: server(outcome), ...tokensOf(outcome) })) };
      return out.json(answer);
    }
    for (const [name, outcome] of outcomes) {
      if (outcome.kind === "not-logged-in") out.answer(`Nobody was logged in (profile "${name}").`);
      else out.done(`Logged out (profile "${name}").${revoked(outcome)}`);
      if ("tokens" in outcome) warnOfRevocations(out, outcome.tokens ?? []);
      else if (outcome.kind === "local" && outcome.error) {
        out.warn(`the service was not told (${outcome.error.message}): its tokens may live on until they expire`);
      }
    }
    // Those too that have a name which was not there.
    const newLogins = left === undefined ? [...outcomes].filter(([, { hasNewLogin }]) => hasNewLogin) : [...left];
    for (const [name] of newLogins) out.warn(`there is a new login (profile "${name}"), made meanwhile: it stays. To end it too: spec-kitty auth logout${left ? " --all" : ""}`);
    if (values.all && !app.isKept) out.answer("Nothing is kept: SPEC_KITTY_STORAGE is memory. What was stored without it was left as it is.");
    if (left?.size === 0) out.done("No login is kept here any more.");
  },
});

/** What is told of each token, where they were revoked one by one. */
function tokensOf(outcome: LogoutOutcome): Pick<LogoutAnswer["loggedOut"][number], "tokens"> {
  if (!("tokens" in outcome) || outcome.tokens === undefined) return {};
  return { tokens: outcome.tokens.map(({ token, error }) => ({ token, revoked: error === undefined })) };
}

function revoked(outcome: LogoutOutcome): string {
  const names = tokensOf(outcome).tokens?.filter((told) => told.revoked).map(tokenName) ?? [];
  return names.length === 0 ? "" : ` Revoked: ${names.join(", ")}.`;
}

/** Names, and the service that each has logged in to. */
async function profilesToLeave({ app }: Context, all: boolean, force: boolean): Promise<[name: string, service: string | undefined][]> {
  if (all && force) return [];
  if (all) return [...(await app.store.read()).profiles].map(([name, { service }]) => [name, service]);
  const { name, profile } = await chosenProfile(app);
  return [[name, profile?.service]];
}

/** @returns what stays after all: the profiles of `but` */
async function removeEverything({ app, out }: Context, but: "sessions" | undefined): Promise<Profiles["profiles"]> {
  let account: string | undefined;
  try {
    const header = app.sealedFile.header();
    if (header?.source === "keychain") account = header.account;
  } catch (error) {
    // Damaged or unsafe: it goes all the same, that is what --all is for.
    if (!(error instanceof AuthError)) throw error;
  }
  const { profiles } = await app.store.removeAll(but, async () => {
    if (account === undefined) return;
    try {
      await app.keychain.remove(account);
    } catch (error) {
      if (!(error instanceof AuthError)) throw error;
      out.warn(`the key is still in the keychain (${error.message}); it opens nothing any more`);
    }
  });
  return profiles;
}
