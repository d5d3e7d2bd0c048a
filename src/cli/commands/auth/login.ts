import { browserLogin } from "../../../auth/flows/browser-login.ts";
import { deviceLogin } from "../../../auth/flows/device-login.ts";
import { prepareLogin } from "../../../auth/flows/login-request.ts";
import type { Session } from "../../../auth/session.ts";
import { login as loginAgain } from "../../../base/hint.ts";
import { hintText } from "../../../base/hint-text.ts";
import { describeEnvironment, readFacts } from "../../../platform/environment.ts";
import { accountName } from "../../account.ts";
import type { LoginExplanation } from "../../json-output.ts";
import { browserScreen } from "../../login/browser-screen.ts";
import { defineCommand, jsonOption, profileOption, type Command, type Context } from "../../command.ts";
import { deviceScreen } from "../../login/device-screen.ts";
import { loggedIn, loginTarget, profileKeeper } from "../../login/profile.ts";
import { statusOf } from "../../status.ts";
import { agreedKey } from "../../login/storage-consent.ts";
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
    scope: { type: "string", value: '"…"', help: "what to ask for; offline_access is always included; remembered" },
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
    const asJson = values.json === true;
    const timeoutMs = 1000 * wholeNumber("timeout", values.timeout ?? "300", 1, 86_400);
    const port = values.port === undefined ? undefined : wholeNumber("port", values.port, 1, 65_535);
    const redirectHost = parseRedirectHost(values["redirect-host"]);
    const resource = parseResource(values.resource);
    const environment = describeEnvironment(readFacts());
    if (values.explain) return void explain(context, environment, asJson);

    const target = await loginTarget(app, values.scope);
    const already = values.force ? undefined : loggedIn(target, app.clock.now());
    if (already !== undefined) {
      if (asJson) out.json(statusOf(target.name, already, app));
      else out.done(`Already logged in as ${accountName(already)}. To log in again: ${hintText([loginAgain(target.name, "--force")], { identity: app.identity })}`);
      return;
    }
    if (app.settings.accessToken) out.warn("SPEC_KITTY_ACCESS_TOKEN is set, and goes before the session of this login until it is unset");

    const key = await agreedKey(context, values.yes === true);
    const exchange = { fetch: app.fetch, clock: app.clock, signal: context.signal };
    const { audience, prompt, "login-hint": loginHint } = values;
    const request = await prepareLogin({ ...target, dpop: !values["no-dpop"], resource, audience, prompt, loginHint }, exchange);
    const keeper = profileKeeper(context, target, { key, asJson });
    const common = { ...exchange, request, store: keeper.store };

    let session: Session;
    if (values.headless || (!values["no-browser"] && environment.login === "device")) {
      if (!values.headless) out.say(`Logging in by a code: ${environment.reason}.`);
      session = await deviceLogin({ ...common, ...deviceScreen(out, !values["no-qr"]) });
    } else {
      session = await browserLogin({ ...common, identity: app.identity, port, redirectHost, timeoutMs, ...browserScreen(context, timeoutMs, !values["no-browser"]) });
    }
    await keeper.endReplaced(session);
  },
});

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
