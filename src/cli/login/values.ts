import { hasTenants, providerNames, type ChosenProvider } from "../../auth/oauth/named-providers.ts";
import { hint, login as loginCommand, type Hint } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { usageError, type Context } from "../command.ts";
import { readNamedFile, readStandardInput } from "../input.ts";

/** Needed by a browser or a code, not by a token. */
const screenOptions = [
  "headless",
  "no-browser",
  "port",
  "redirect-host",
  "redirect-path",
  "timeout",
  "prompt",
  "login-hint",
] as const;

/** @throws AuthError `usage_invalid` for an option that `--with-token` would ignore */
export function refuseWithToken(values: Readonly<Partial<Record<(typeof screenOptions)[number], unknown>>>): void {
  const name = screenOptions.find((option) => values[option] !== undefined);
  if (name !== undefined) throw usageError(`--${name} and --with-token cannot be used together`, "Omit one of the two");
}

/** Far above any issuer's token or secret. */
const mostBytes = 65_536;

/** Not from a terminal, which would show it, nor the command line, which every user of the machine can read. */
export async function readToken(context: Context): Promise<Secret> {
  if ((await context.terminal()).isInteractive)
    throw usageError(
      "--with-token reads a file or a pipe, not a terminal",
      hint`Try: ${loginCommand(undefined, "--with-token", "<", "FILE")}`,
    );
  const text = (await readStandardInput(context, mostBytes)).toString("utf8").trim();
  if (/^[\x21-\x7e]+$/.test(text)) return new Secret(text);
  throw usageError("standard input is not one token", 'Pass the token, without "Bearer"');
}

export function parseRedirectHost(host: string | undefined): "127.0.0.1" | "localhost" | undefined {
  if (host === undefined || host === "127.0.0.1" || host === "localhost") return host;
  throw usageError(`--redirect-host is "${host}", not 127.0.0.1 or localhost`, "Try: --redirect-host localhost");
}

export function parseProvider(name: string | undefined, tenant: string | undefined): ChosenProvider | undefined {
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

/** Only from a file: every user of the machine can read the command line. */
export function readClientSecret(path: string | undefined): Secret | undefined {
  if (path === undefined) return undefined;
  const text = readNamedFile(path, "--client-secret-file: ", mostBytes).toString("utf8").trim();
  if (/^[\x20-\x7e]+$/.test(text)) return new Secret(text);
  throw usageError(`--client-secret-file: "${path}" is not one line of ASCII`, "Write only the secret into the file");
}

/** As browsers keep it: it must come back as sent. */
export function parseRedirectPath(path: string | undefined): string | undefined {
  if (path === undefined || (/^\/[\w.~/-]*$/.test(path) && new URL(path, "http://127.0.0.1").pathname === path))
    return path;
  throw usageError(
    `--redirect-path is "${path}", not a path of letters, digits, "/", "-", "." and "_"`,
    "Try: --redirect-path /callback",
  );
}

/** As hosts are compared: lower case, a port only if unusual. */
export function parseHost(text: string): string {
  const isHost = (host: string): boolean => /^[\w.:[\]-]+$/.test(host);
  const url = isHost(text) && URL.canParse(`https://${text}`) ? new URL(`https://${text}`) : undefined;
  if (url !== undefined && url.href === `https://${url.host}/`) return url.host;
  const meant = URL.canParse(text) ? new URL(text).host : "";
  throw usageError(
    `--trust-host is "${text}", not the name of a host`,
    `Try: --trust-host ${isHost(meant) ? meant : "login.example"}`,
  );
}

/** An absolute URL without a fragment (RFC 8707 §2). */
export function parseResource(resource: string | undefined): string | undefined {
  if (resource === undefined || (URL.canParse(resource) && !resource.includes("#"))) return resource;
  throw usageError(`--resource is "${resource}", not a URL without a fragment`, "Try: --resource https://api.example");
}

const browserOptions = ["no-browser", "port", "redirect-host"] as const;

/** @throws AuthError `usage_invalid` for an option that a login with a code would ignore */
export function refuseIgnored(
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
