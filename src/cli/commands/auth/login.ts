import { chosenLogin } from "../../../app/login/destination.ts";
import { loginArguments, plannedLogin, startLogin } from "../../../app/login/metadata.ts";
import { performLogin } from "../../../app/login/perform.ts";
import { accountName, userName } from "../../../auth/sessions/session.ts";
import { remainingMs } from "../../../auth/token-manager/freshness.ts";
import { hasTenants, providerNames, type ChosenProvider } from "../../../auth/oauth/named-providers.ts";
import { parseIssuer } from "../../../base/address.ts";
import { duration } from "../../../base/duration.ts";
import { hint, login as loginCommand, type Hint } from "../../../base/errors.ts";
import { Secret } from "../../../base/secret.ts";
import { endOfSession, statusOf } from "../../auth-status.ts";
import { refuseLent } from "../../lent.ts";
import { defineCommand, jsonOption, profileOption, usageError, type Command, type Context } from "../../command.ts";
import { readNamedFile, readStandardInput } from "../../input.ts";
import { explainLogin } from "../../login/explain.ts";
import { askedConsent, browserScreen, deviceScreen } from "../../login/screens.ts";

const whatItDoes =
  "Log in through the browser. Where no browser can be shown (over SSH, in a container), show a code for another device. " +
  "The session is sealed with a key in the OS keychain.";

export const command: Command = defineCommand({
  usage: "auth login [URL]",
  description: `${whatItDoes} URL is the service or the issuer; the profile saves it.`,
  arguments: [0, 1],
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
    headless: { type: "boolean", elsewhere: ["device", "device-code"], help: "log in with a code on another device" },
    "no-browser": { type: "boolean", help: "print the URL instead of opening it" },
    scope: { type: "string", value: '"…"', isSaved: true, help: "additional scopes to request" },
    "client-id": { type: "string", value: "ID", isSaved: true, help: "client ID at the issuer" },
    provider: {
      type: "string",
      value: "NAME",
      choices: providerNames,
      isSaved: true,
      help: "log in with github, google or microsoft",
    },
    storage: {
      type: "string",
      value: "KIND",
      choices: ["keychain", "file", "memory"],
      help: "keychain (default), file, or memory (store nothing)",
    },
    yes: { type: "boolean", short: "y", help: "accept the encrypted file and a change of the service" },
    force: { type: "boolean", help: "log in again, even if stored logins cannot be opened" },
    explain: { type: "boolean", help: "show the login and the reasons, without logging in" },
    "with-token": { type: "boolean", isAdvanced: true, help: "read a refresh or access token from standard input" },
    service: { type: "string", value: "URL", isSaved: true, isAdvanced: true, help: "service, if not the issuer" },
    issuer: {
      type: "string",
      value: "URL",
      isSaved: true,
      isAdvanced: true,
      help: "issuer, exactly as it names itself",
    },
    tenant: {
      type: "string",
      value: "ID",
      isSaved: true,
      isAdvanced: true,
      help: "tenant of --provider microsoft (default: common)",
    },
    "client-secret-file": {
      type: "string",
      value: "FILE",
      isSaved: true,
      isAdvanced: true,
      help: "file with the client secret, if the issuer requires one",
    },
    "trust-host": {
      type: "string",
      value: "HOST",
      multiple: true,
      isSaved: true,
      isAdvanced: true,
      help: "allow the login page to be on HOST; repeatable",
    },
    resource: { type: "string", value: "URI", isAdvanced: true, help: "resource to get tokens for (RFC 8707)" },
    audience: {
      type: "string",
      value: "NAME",
      isAdvanced: true,
      help: "audience (Auth0 style), instead of --resource",
    },
    "no-dpop": { type: "boolean", isAdvanced: true, help: "request plain bearer tokens (no DPoP)" },
    prompt: { type: "string", value: "WORD", isAdvanced: true, help: "login, select_account, consent or none" },
    "login-hint": {
      type: "string",
      value: "NAME",
      isAdvanced: true,
      help: "account to suggest, such as an email address",
    },
    timeout: {
      type: "number",
      range: [1, 86_400],
      value: "SECONDS",
      isAdvanced: true,
      help: "time limit for the login (default: 300)",
    },
    port: {
      type: "number",
      range: [1, 65_535],
      value: "N",
      isAdvanced: true,
      help: "callback port (default: a free one from 28888)",
    },
    "redirect-host": {
      type: "string",
      value: "HOST",
      choices: ["127.0.0.1", "localhost"],
      isAdvanced: true,
      help: "callback host: 127.0.0.1 (default) or localhost",
    },
    "redirect-path": {
      type: "string",
      value: "PATH",
      isSaved: true,
      isAdvanced: true,
      help: "callback path, as registered at the issuer",
    },
    "no-qr": { type: "boolean", isAdvanced: true, help: "do not draw a QR code" },
    ...profileOption,
    ...jsonOption,
  },
  examples: [
    ["auth login https://service.example", "log in through the browser"],
    ["auth login --headless", "log in without a browser here"],
    ["auth login --profile work --storage file", "add an account, in an encrypted file"],
    [({ command }) => `cat token.txt | ${command} auth login --with-token`, "use a token from elsewhere"],
    ['auth login https://login.example --client-id my-client --scope "openid email"', "use another provider"],
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
    const start = await startLogin(app, args, signal);
    const { to } = start;
    if (values.explain) return explainLogin(context, await plannedLogin(app, start, signal), json);
    if (app.tokenSource) out.warn(`${app.tokenSource.origin} is set, and takes precedence over this login`);
    if (to.already !== undefined && !withToken) {
      if (json) out.json(statusOf({ ...to, profile: to.already }, app));
      else
        out.done(
          hint`Already logged in as ${accountName(to.already)}. To log in again: ${loginCommand(to.name, "--force")}`,
        );
      return;
    }
    if (to.profile.resource !== undefined) out.say(`${to.profile.resource} takes the tokens of ${to.profile.issuer}.`);
    if (to.login === "device" && !withToken) refuseIgnored(values, to.reason, () => "Omit it");
    await performLogin(app, start, {
      screen(planned) {
        const { login, opens, reason } = planned;
        if (login === "device") {
          if (!values.headless) out.say(`Logging in with a code, because ${reason}.`);
          return deviceScreen(context, !values["no-qr"]);
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
        const kept = app.isKept ? "" : " Nothing was stored: the session ends with this command.";
        if (json) out.json(statusOf({ ...to, profile }, app));
        else out.done(`Logged in as ${accountName(profile)}.${life}${ends}${kept}`);
        if (withToken && session.refreshToken !== undefined)
          out.warn("use this refresh token here only: a second use may end the session");
        if (session.missingScope !== undefined) out.warn(`scopes not granted: ${session.missingScope}`);
      },
      replaced: ({ service, session }) =>
        out.say(`The login of ${userName(session.user)} at ${service} has ended: this one has replaced it.`),
      onConsent: askedConsent(context, { file: yes, profile: yes || force }),
      onWarning: out.warn,
      signal,
    });
    const { active } = await app.store.choice();
    if (app.isKept && active !== to.name && !json) {
      out.hint(
        app.sharedStore !== undefined
          ? `This program uses the login "${active}". To use this one: --profile ${to.name}, or the option login`
          : hint`"${active}" stays the active profile. To use this one: ${{ command: "auth switch", options: [to.name] }}, or --profile ${to.name}`,
      );
    }
  },
});

/** What a browser or a code needs, and a token does not. */
const screenOptions = [
  "headless",
  "no-browser",
  "port",
  "redirect-host",
  "redirect-path",
  "timeout",
  "prompt",
  "login-hint",
  "explain",
] as const;

function refuseWithToken(values: Readonly<Partial<Record<(typeof screenOptions)[number], unknown>>>): void {
  const name = screenOptions.find((option) => values[option] !== undefined);
  if (name !== undefined) throw usageError(`--${name} and --with-token cannot be used together`, "Omit one of the two");
}

/** Far more than any issuer's. */
const mostTokenBytes = 65_536;

/** Not from a terminal, which would show it, nor from the command line, which every user of the machine can read. */
async function readToken(context: Context): Promise<Secret> {
  if ((await context.terminal()).isInteractive)
    throw usageError(
      "--with-token reads a file or a pipe, not a terminal",
      hint`Try: ${loginCommand(undefined, "--with-token", "<", "FILE")}`,
    );
  const text = (await readStandardInput(context, mostTokenBytes)).toString("utf8").trim();
  if (/^[\x21-\x7e]+$/.test(text)) return new Secret(text);
  throw usageError("standard input is not one token", 'Pass the token, without "Bearer"');
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

/** The same for a tool whose author says where its users log in. */
export const loginAtBuiltInIssuer: Command = {
  ...command,
  usage: "auth login",
  description: whatItDoes,
  arguments: [0, 0],
  ...(command.repeated && { repeated: command.repeated.filter(isPlain) }),
  options: Object.fromEntries(Object.entries(command.options).filter(([option]) => isPlain(option))),
  examples: [["auth login", "log in through the browser"], ...command.examples.slice(1, 3)],
};

function parseRedirectHost(host: string | undefined): "127.0.0.1" | "localhost" | undefined {
  if (host === undefined || host === "127.0.0.1" || host === "localhost") return host;
  throw usageError(`--redirect-host is "${host}", not 127.0.0.1 or localhost`, "Try: --redirect-host localhost");
}

function parseProvider(name: string | undefined, tenant: string | undefined): ChosenProvider | undefined {
  const known = providerNames.find((candidate) => candidate === name);
  if (name !== undefined && known === undefined)
    throw usageError(
      `--provider is "${name}", not one of ${providerNames.join(", ")}`,
      "Log in with any other provider by its URL",
    );
  if (tenant !== undefined && (known === undefined || !hasTenants(known)))
    throw usageError("--tenant needs --provider microsoft", "Try: --provider microsoft");
  if (tenant !== undefined && !/^[\w-]+(\.[\w-]+)*$/.test(tenant))
    throw usageError(`--tenant is "${tenant}", not an ID or a domain`, "Try: --tenant organizations");
  return known && { name: known, tenant: tenant?.toLowerCase() };
}

/** Far more than any issuer's. */
const mostSecretBytes = 65_536;

/** From a file, and never from the command line, which every user of the machine can read. */
function readClientSecret(path: string | undefined): Secret | undefined {
  if (path === undefined) return undefined;
  const text = readNamedFile(path, "--client-secret-file: ", mostSecretBytes).toString("utf8").trim();
  if (/^[\x20-\x7e]+$/.test(text)) return new Secret(text);
  throw usageError(`--client-secret-file: "${path}" is not one line of ASCII`, "Write only the secret into the file");
}

/** As a browser leaves it: it must come back as it was sent. */
function parseRedirectPath(path: string | undefined): string | undefined {
  if (path === undefined || (/^\/[\w.~/-]*$/.test(path) && new URL(path, "http://127.0.0.1").pathname === path))
    return path;
  throw usageError(
    `--redirect-path is "${path}", not a path of letters, digits, "/", "-", "." and "_"`,
    "Try: --redirect-path /callback",
  );
}

/** As hosts are compared: in lower case, a port only where it is not the usual one. */
function parseHost(text: string): string {
  const isHost = (host: string): boolean => /^[\w.:[\]-]+$/.test(host);
  const url = isHost(text) && URL.canParse(`https://${text}`) ? new URL(`https://${text}`) : undefined;
  if (url !== undefined && url.href === `https://${url.host}/`) return url.host;
  const meant = URL.canParse(text) ? new URL(text).host : "";
  throw usageError(
    `--trust-host is "${text}", not the name of a host`,
    `Try: --trust-host ${isHost(meant) ? meant : "login.example"}`,
  );
}

/** An absolute address without a fragment (RFC 8707 §2). */
function parseResource(resource: string | undefined): string | undefined {
  if (resource === undefined || (URL.canParse(resource) && !resource.includes("#"))) return resource;
  throw usageError(`--resource is "${resource}", not a URL without a fragment`, "Try: --resource https://api.example");
}

const browserOptions = ["no-browser", "port", "redirect-host"] as const;

/** @throws AuthError `usage_invalid` for an option that a login with a code would ignore */
function refuseIgnored(
  values: Readonly<Record<(typeof browserOptions)[number], string | number | boolean | undefined>>,
  reason: string,
  fix: (option: readonly string[]) => Hint | string,
): void {
  const name = browserOptions.find((option) => values[option] !== undefined);
  if (name === undefined) return;
  throw usageError(
    `--${name} is for a login through the browser, and ${reason}`,
    fix([`--${name}`, ...(values[name] === true ? [] : [String(values[name])])]),
  );
}
