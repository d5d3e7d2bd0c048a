import type { App } from "../../../app.ts";
import { authorizationCodeLogin } from "../../../auth/flows/authorization-code-login.ts";
import { deviceCodeLogin, type DeviceCodeLogin } from "../../../auth/flows/device-code-login.ts";
import { endSession } from "../../../auth/flows/end-session.ts";
import { prepareLogin } from "../../../auth/flows/login-request.ts";
import { chooseKey } from "../../../auth/secure-storage/choice.ts";
import type { KeyHeader } from "../../../auth/secure-storage/vault.ts";
import { isAlive, isSameSession, remainingMs, unknownProfile, type Profile, type Profiles, type Session } from "../../../auth/session.ts";
import { withProfile } from "../../../auth/session-store.ts";
import { defaultClientId } from "../../../config/settings.ts";
import { AuthError } from "../../../errors.ts";
import { openBrowser } from "../../../platform/browser.ts";
import { describeEnvironment, readFacts } from "../../../platform/environment.ts";
import { accountName } from "../../account.ts";
import type { LoginExplanation } from "../../answers.ts";
import { defineCommand, jsonOption, profileOption, type Command, type Context } from "../../command.ts";
import { duration } from "../../format.ts";
import { warnOfRevocations } from "../../revocation.ts";
import { statusOf } from "../../status.ts";
import { usageError, wholeNumber } from "../../usage.ts";

export const login: Command = defineCommand({
  usage: "auth login",
  description:
    "Log in through the browser. Where no browser can be shown (over SSH, in a container), log in by a code\nthat is typed into a browser elsewhere. The session is sealed by a key in the OS keychain.",
  options: {
    headless: { type: "boolean", help: "log in by a code, with a browser on any other device" },
    "no-browser": { type: "boolean", help: "print the address instead of opening it" },
    port: { type: "string", value: "N", help: "the port of the callback (default: a free one from 28888 on)" },
    "redirect-host": { type: "string", value: "HOST", help: "127.0.0.1 (default), or localhost for a service that knows only that name" },
    timeout: { type: "string", value: "SECONDS", help: "how long to wait for the browser (default: 300)" },
    scope: { type: "string", value: '"…"', help: "what to ask for; offline_access is always included" },
    issuer: { type: "string", value: "URL", help: "who issues the tokens, where that is not the service itself; remembered" },
    "client-id": { type: "string", value: "ID", help: "what this program is registered as there (default: cli_native); remembered" },
    resource: { type: "string", value: "URI", help: "what the tokens are for, where the issuer has to be told (RFC 8707)" },
    audience: { type: "string", value: "NAME", help: "the same, where the issuer wants it under this name" },
    prompt: { type: "string", value: "WORD", help: "what the issuer shall ask the user, such as login or select_account" },
    "login-hint": { type: "string", value: "NAME", help: "whom the issuer shall expect, such as an e-mail address" },
    "no-dpop": { type: "boolean", help: "take tokens that are not bound to a key of this machine, for other programs to use" },
    "no-qr": { type: "boolean", help: "do not draw the address of --headless as a QR code" },
    storage: { type: "string", value: "KIND", choices: ["keychain", "file", "memory"], help: "where the key lives: keychain (default), file, or memory (nothing is kept)" },
    yes: { type: "boolean", short: "y", help: "agree to the encrypted file where there is no keychain" },
    force: { type: "boolean", help: "log in again although somebody is logged in" },
    explain: { type: "boolean", help: "say which login would be used here, and why, and stop" },
    ...profileOption,
    ...jsonOption,
  },
  examples: [
    ["spec-kitty auth login", "log in through the browser"],
    ["spec-kitty auth login --headless", "log in on a machine without a browser"],
    ["spec-kitty auth login --profile work --storage file --yes", "a second account, in an encrypted file"],
    ['spec-kitty auth login --issuer https://login.example --client-id my-client --scope "openid email"', "with tokens of another provider"],
  ],
  async run(context, values) {
    const { app, out } = context;
    const timeoutMs = 1000 * wholeNumber("timeout", values.timeout ?? "300", 1, 86_400);
    const port = values.port === undefined ? undefined : wholeNumber("port", values.port, 1, 65_535);
    const redirectHost = parseRedirectHost(values["redirect-host"]);
    const resource = parseResource(values.resource);
    const environment = describeEnvironment(readFacts());
    if (values.explain) return void explain(context, environment, values.json === true);

    const profiles = await app.store.read();
    const name = app.settings.profile?.value ?? profiles.active;
    const known = profiles.profiles.get(name);
    if (known === undefined && app.settings.profile?.mayBeNew === false) throw unknownProfile(name, profiles, app.settings.profile.source);
    const service = serviceOf(app, known);
    const clientId = app.settings.clientId?.value ?? known?.clientId ?? defaultClientId;
    // What a profile remembers of another service says nothing about this one.
    const issuer = app.settings.issuer?.value ?? (known?.service === service ? known.issuer : undefined);
    if (known?.session && known.service === service && known.issuer === issuer && !values.force && isAlive(known.session, app.clock.now())) {
      if (values.json) out.json(statusOf(name, known, app));
      else out.done(`Already logged in as ${accountName(known)}. To log in again: spec-kitty auth login --force`);
      return;
    }

    // Before the user is sent anywhere: a login that cannot be stored must not be asked for.
    const key = await keyFor(context, values.yes === true);
    const exchange = { fetch: app.fetch, clock: app.clock, signal: context.signal };
    const { scope, audience, prompt, "login-hint": loginHint } = values;
    const request = await prepareLogin({ service, issuer, clientId, scope, dpop: !values["no-dpop"], resource, audience, prompt, loginHint }, exchange);
    let replaced: Session | undefined;
    const store = async (session: Session): Promise<string> => {
      const profile: Profile = { service, issuer, clientId, team: known?.service === service ? known.team : undefined, session };
      const add = (stored: Profiles): Profiles => {
        replaced = stored.profiles.get(name)?.session;
        return { ...withProfile(stored, name, profile), active: activeAfter(stored, name) };
      };
      await app.store.update(add, key && { key });
      const life = session.accessTokenExpiresAt === undefined ? "" : ` Access token valid for ${duration(remainingMs(session, app.clock.now()))}.`;
      const kept = app.isKept ? "" : " Nothing was kept: the session ends with this command.";
      if (values.json) out.json(statusOf(name, profile, app));
      else out.done(`Logged in as ${accountName(profile)}.${life}${kept}`);
      if (app.isKept) await giveQueue(context, name, profile);
      return accountName(profile);
    };
    const common = { ...exchange, request, store };

    const isHeadless = values.headless === true || (!values["no-browser"] && environment.login === "device");
    if (isHeadless) {
      if (!values.headless) out.say(`Logging in by a code: ${environment.reason}.`);
      const { announceCode, countdown } = await import("../../device-screen.ts");
      const announce: DeviceCodeLogin["announce"] = (authorization) => announceCode(out, authorization, !values["no-qr"]);
      return endReplaced(await deviceCodeLogin({ ...common, announce, waiting: (left) => countdown(out, left) }), replaced, context);
    }
    const session = await authorizationCodeLogin({
      ...common,
      port,
      redirectHost,
      timeoutMs,
      announce(address) {
        out.say(`${values["no-browser"] ? "Open this address in a browser" : "Opening the browser. If it does not come up, open this address"}:\n\n  ${address}\n`);
        out.say(`Waiting for the browser, ${duration(timeoutMs)} at most. Press Ctrl-C to give up.`);
        if (context.terminal.isInteractive) out.say("If the browser ends on a page that does not load, paste that page's address here.");
      },
      open: values["no-browser"] ? undefined : (address) => openBrowser(address, { env: app.env, platform: app.platform, clock: app.clock }),
      openFailed: (reason) => out.warn(`the browser could not be opened (${reason}). Open the address above yourself`),
      pasted: !context.terminal.isInteractive
        ? undefined
        : (take, signal) =>
            context.terminal.onLine((line) => {
              try {
                if (line.trim()) take(line.trim());
              } catch (error) {
                out.warn(error instanceof Error ? error.message : String(error));
              }
            }, signal),
    });
    await endReplaced(session, replaced, context);
  },
});

/**
 * Revokes what a login has replaced. After the new session is stored: should that fail, the old one is all that there is. The
 * service's own sessions are left to end by themselves, as the service has it.
 */
async function endReplaced(session: Session, replaced: Session | undefined, { app, out }: Context): Promise<void> {
  if (replaced?.server.revocation_endpoint === undefined || replaced.server.logout_endpoint !== undefined || isSameSession(replaced, session)) return;
  warnOfRevocations(out, await endSession(replaced, { fetch: app.fetch, clock: app.clock, timeoutMs: 3_000 }), " of the login before this one");
}

/** What waits in the queue since before the first login is this account's from now on, even if another is the first to send. */
async function giveQueue({ app, out }: Context, name: string, profile: Profile): Promise<void> {
  try {
    const { bindQueue } = await import("../../../app-sync.ts");
    await bindQueue(app, name, profile);
  } catch (error) {
    // The login itself is done.
    out.warn(`the queue cannot be written, so events that wait in it are not this account's yet: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The service to log in to: what the user says now, else what the profile remembers. */
function serviceOf(app: App, known: Profile | undefined): string {
  const service = app.settings.service?.value ?? known?.service;
  if (service !== undefined) return service;
  throw new AuthError("configuration_invalid", "SPEC_KITTY_SAAS_URL is not set, so there is no service to log in to", {
    hint: "export SPEC_KITTY_SAAS_URL=https://service.example, then run: spec-kitty auth login",
  });
}

/** The first profile is active from the start; a later one when the user switches to it. */
function activeAfter(stored: Profiles, name: string): string {
  return stored.profiles.has(stored.active) ? stored.active : name;
}

async function keyFor({ app, out, terminal, signal }: Context, granted: boolean): Promise<KeyHeader | undefined> {
  if (!app.isKept) return undefined;
  const key = await chooseKey({
    requested: app.settings.storage,
    current: app.sealedFile.header(),
    keychain: app.keychain,
    folder: app.folder,
    hasPassphrase: app.settings.passphrase !== undefined,
    granted,
    async consent(reason) {
      if (!terminal.isInteractive) {
        throw new AuthError("consent_required", `the session would be kept in an encrypted file (${reason}), and nobody is here to agree to that`, {
          hint: "Agree beforehand: spec-kitty auth login --storage file --yes, or export SPEC_KITTY_STORAGE=file",
        });
      }
      out.say(`The key of the session would not be in a keychain: ${reason}.`);
      out.say("It would be kept in an encrypted file that this user on this machine can open: safe from a stray copy, not from your own programs.");
      return /^y(es)?$/i.test(await terminal.ask("Keep it in the encrypted file? [y/N] ", signal));
    },
  });
  // A full disk, or a folder that cannot be written, shows now as well.
  app.store.reserve().discard();
  return key;
}

function parseRedirectHost(host: string | undefined): "127.0.0.1" | "localhost" | undefined {
  if (host === undefined || host === "127.0.0.1" || host === "localhost") return host;
  throw usageError(`--redirect-host is "${host}", not 127.0.0.1 or localhost`, "Try: --redirect-host localhost");
}

/** An absolute address without a fragment (RFC 8707 §2). */
function parseResource(resource: string | undefined): string | undefined {
  if (resource === undefined || (URL.canParse(resource) && !resource.includes("#"))) return resource;
  throw usageError(`--resource is "${resource}", not an address without a fragment`, "Try: --resource https://api.example");
}

function explain({ out }: Context, environment: ReturnType<typeof describeEnvironment>, asJson: boolean): void {
  const answer: LoginExplanation = environment;
  if (asJson) return out.json(answer);
  out.answer(`${environment.login === "device" ? "Device" : "Browser"} login: ${environment.reason}.`);
  for (const { name, value, meaning } of environment.signals) out.answer(`  ${name} = ${value}: ${meaning}`);
}
