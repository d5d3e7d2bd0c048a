import { loginArguments } from "../../../app/login/arguments.ts";
import { chosenLogin } from "../../../app/login/destination.ts";
import { startLogin } from "../../../app/login/metadata.ts";
import { performLogin } from "../../../app/login/perform.ts";
import { accountName, userName } from "../../../auth/sessions/session.ts";
import { remainingMs } from "../../../auth/token-manager/freshness.ts";
import { providerNames } from "../../../auth/oauth/named-providers.ts";
import { parseIssuer } from "../../../base/address.ts";
import { duration } from "../../../base/duration.ts";
import { hint, isAuthError, type AuthError, login as loginCommand } from "../../../base/errors.ts";
import { endOfSession, statusOf } from "../../auth-status.ts";
import { defineCommand, jsonOption, profileOption, type Command, type Context } from "../../command.ts";
import { refuseLent } from "../../lent.ts";
import { askedConsent, browserScreen, deviceScreen } from "../../login/screens.ts";
import {
  parseHost,
  parseProvider,
  parseRedirectHost,
  parseRedirectPath,
  parseResource,
  readClientSecret,
  readToken,
  refuseIgnored,
  refuseWithToken,
} from "../../login/values.ts";

const whatItDoes =
  "Log in through the browser. Without a browser, for example over SSH, show a code for another device.";

export const command: Command = defineCommand({
  usage: "auth login [URL]",
  description: `${whatItDoes} URL is the service or the issuer; the profile saves it.`,
  repeated: [
    "force",
    "yes",
    "with-token",
    "provider",
    "tenant",
    "service",
    "issuer",
    "client-id",
    "client-secret-file",
    "scope",
    "trust-host",
    "storage",
  ],
  options: {
    headless: { elsewhere: ["device", "device-code"], help: "log in with a code on another device" },
    "no-browser": { help: "print the URL instead of opening it" },
    scope: { value: '"…"', isSaved: true, help: "scopes to request, in addition to those of a current login" },
    "client-id": { value: "ID", isSaved: true, help: "client ID at the issuer" },
    provider: { value: "NAME", choices: providerNames, isSaved: true, help: "github, google or microsoft" },
    storage: {
      value: "KIND",
      choices: ["keychain", "file", "memory"],
      help: "keychain (default), file, or memory (store nothing)",
    },
    yes: { short: "y", help: "accept an encrypted file or a change of service" },
    force: { help: "log in again, even if stored logins are unreadable" },
    "with-token": { isAdvanced: true, help: "read a refresh or access token from stdin" },
    service: { value: "URL", isSaved: true, isAdvanced: true, help: "service, if not the issuer" },
    issuer: { value: "URL", isSaved: true, isAdvanced: true, help: "issuer, exactly as in its metadata" },
    tenant: { value: "ID", isSaved: true, isAdvanced: true, help: "tenant of --provider microsoft (default: common)" },
    "client-secret-file": {
      value: "FILE",
      isSaved: true,
      isAdvanced: true,
      help: "client secret, if the issuer requires one",
    },
    "trust-host": {
      value: "HOST",
      multiple: true,
      isSaved: true,
      isAdvanced: true,
      help: "allow the login page to be on HOST; repeatable",
    },
    resource: { value: "URL", isAdvanced: true, help: "resource of the tokens (RFC 8707)" },
    audience: { value: "NAME", isAdvanced: true, help: "audience (Auth0 style), instead of --resource" },
    "no-dpop": { isAdvanced: true, help: "request plain bearer tokens (no DPoP)" },
    prompt: { value: "WORD", isAdvanced: true, help: "login, select_account, consent or none" },
    "login-hint": { value: "NAME", isAdvanced: true, help: "user to suggest, such as an email address" },
    timeout: {
      range: [1, 86_400],
      value: "SECONDS",
      isAdvanced: true,
      help: "limit (default: 300; for a code, its lifetime, at most 900)",
    },
    port: {
      range: [1, 65_535],
      value: "N",
      isAdvanced: true,
      help: "port of the redirect URL (default: a free one from 28888)",
    },
    "redirect-host": {
      value: "HOST",
      choices: ["127.0.0.1", "localhost"],
      isAdvanced: true,
      help: "host of the redirect URL: 127.0.0.1 (default) or localhost",
    },
    "redirect-path": {
      value: "PATH",
      isSaved: true,
      isAdvanced: true,
      help: "redirect path, as registered at the issuer",
    },
    ...profileOption,
    ...jsonOption,
  },
  examples: [
    ["auth login https://service.example"],
    ["auth login --headless"],
    ["auth login --profile work --storage file", "add a login, in an encrypted file"],
    [({ command }) => `cat token.txt | ${command} auth login --with-token`, "use an existing token"],
    ['auth login https://login.example --client-id my-client --scope "openid email"', "log in at another issuer"],
  ],
  async run(context, values, [address]) {
    const { app, out, signal } = context;
    const { json = false, force = false, yes = false } = values;
    await refuseLent(app, "log in");
    const withToken = values["with-token"] === true;
    if (withToken) refuseWithToken(values);
    const args = loginArguments(app, {
      token: withToken ? await readToken(context) : undefined,
      flow: values.headless ? "device" : undefined,
      open: !values["no-browser"],
      port: values.port,
      redirectHost: parseRedirectHost(values["redirect-host"]),
      redirectPath: parseRedirectPath(values["redirect-path"]),
      timeoutMs: values.timeout === undefined ? undefined : 1000 * values.timeout,
      trustedHosts: values["trust-host"]?.map(parseHost),
      resource: parseResource(values.resource),
      audience: values.audience,
      prompt: values.prompt,
      loginHint: values["login-hint"],
      dpop: !values["no-dpop"],
      scope: values.scope,
      address: address === undefined ? undefined : parseIssuer(address, "URL"),
      provider: parseProvider(values.provider, values.tenant),
      clientSecret: readClientSecret(values["client-secret-file"]),
      force,
      setAside: force,
    });
    const choice = chosenLogin(args);
    if (values.headless) refuseIgnored(values, "--headless logs in with a code", () => "Omit one of the two");
    else if (choice.login === "device" && !withToken)
      refuseIgnored(
        values,
        choice.reason,
        (typed) => hint`Open the browser yourself: ${loginCommand(undefined, ...typed, "--no-browser")}`,
      );
    let start = await startLogin(app, args, signal);
    if (app.tokenSource) out.warn(`${app.tokenSource.origin} is set, and takes precedence over this login`);
    const { already, name } = start.to;
    if (already !== undefined && !withToken) {
      const ended = await endedElsewhere(context, name);
      if (ended === undefined) {
        if (json) return out.json(statusOf({ ...start.to, profile: already }, app));
        const again = loginCommand(name, "--force");
        return out.done(hint`Already logged in as ${accountName(already)}. To log in again: ${again}`);
      }
      out.say(`${ended.message}.`);
      start = await startLogin(app, args, signal);
    }
    const { to } = start;
    if (to.profile.resource !== undefined)
      out.say(`${to.profile.resource} accepts the tokens of ${to.profile.issuer}.`);
    if (to.login === "device" && !withToken) refuseIgnored(values, to.reason, () => "Omit it");
    await performLogin(app, start, {
      screen(planned) {
        const { login, opens, reason } = planned;
        if (login === "device") {
          if (!values.headless) out.say(`Logging in with a code, because ${reason}.`);
          return deviceScreen(context);
        }
        if (!opens && args.open) out.say(`Logging in with a browser elsewhere, because ${reason}.`);
        return browserScreen(context, { opens, isFirst: to.known === undefined });
      },
      stored(profile) {
        const { session } = profile;
        const now = app.clock.now();
        const life =
          session.accessTokenExpiresAt === undefined
            ? ""
            : ` Access token valid for ${duration(remainingMs(session, now))}.`;
        const ends =
          session.refreshToken === undefined ? ` There is no refresh token: ${endOfSession(session, now)}.` : "";
        const kept = app.isKept ? "" : " Nothing is stored: the session ends with this command.";
        if (json) out.json(statusOf({ ...to, profile }, app));
        else out.done(`Logged in as ${accountName(profile)}.${life}${ends}${kept}`);
        if (withToken && session.refreshToken !== undefined)
          out.warn("a second use of this refresh token may end the session: use it here only");
        if (session.missingScope !== undefined)
          out.warn(`the issuer did not grant these scopes: ${session.missingScope}`);
      },
      replaced: ({ service, session }) =>
        out.say(`The session of ${userName(session.user)} at ${service} has ended: the new one replaces it.`),
      onConsent: askedConsent(context, { file: yes, profile: yes || force }),
      onWarning: out.warn,
      signal,
    });
    const { active } = await app.store.choice();
    if (app.isKept && active !== to.name && !json) {
      const isShared = app.sharedStore !== undefined;
      out.say(isShared ? `This program uses the login "${active}".` : `"${active}" stays the active profile.`);
      out.hint(
        isShared
          ? `To use "${to.name}", pass --profile ${to.name}, or set the option login`
          : hint`To use "${to.name}", run ${{ command: "auth switch", options: [to.name] }}, or pass --profile ${to.name}`,
      );
    }
  },
});

/** Why the service has ended a session that looks good here. A login that someone types is worth a request. */
async function endedElsewhere({ app, out, signal }: Context, name: string): Promise<AuthError | undefined> {
  if (app.tokenSource !== undefined) return undefined;
  const { checkSession } = await import("../../../auth/flows/check-session.ts");
  try {
    const exchange = { ...app.exchange(signal), timeoutMs: 3_000 };
    await checkSession({ store: app.store, tokens: app.tokens(name), exchange });
  } catch (error) {
    if (!isAuthError(error) || signal.aborted) throw error;
    if (error.code === "session_ended") return error;
    out.warn(`cannot check the session: ${error.message}`);
  }
  return undefined;
}

const placeOptions: readonly string[] = [
  "provider",
  "tenant",
  "service",
  "issuer",
  "client-id",
  "client-secret-file",
  "redirect-path",
];
const isPlain = (option: string): boolean => !placeOptions.includes(option);

export const loginAtBuiltInIssuer: Command = {
  ...command,
  usage: "auth login",
  description: whatItDoes,
  ...(command.repeated && { repeated: command.repeated.filter(isPlain) }),
  options: Object.fromEntries(Object.entries(command.options).filter(([option]) => isPlain(option))),
  examples: [["auth login"], ...command.examples.slice(1, 3)],
};
