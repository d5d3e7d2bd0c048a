import { BlockList, isIP } from "node:net";
import { isThisMachine } from "../base/address.ts";
import { AuthError, hint, type Hint } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import type { Environment } from "./paths.ts";

export interface ProxyServer {
  readonly variable: string;
  /** Such as `http://proxy.example:3128`: without secrets. */
  readonly address: string;
  /** With user name and password; undefined when there are none. */
  readonly href: Secret | undefined;
  readonly authorization: Secret | undefined;
}

/**
 * By curl's conventions: `https_proxy` for `https:` and `wss:`, `http_proxy` for `http:` and `ws:`; lower case takes
 * precedence, empty counts as not set, no scheme means `http:`.
 *
 * Requests to this machine never go through a proxy: there "127.0.0.1" would be the proxy's machine, and tokens would
 * go to whatever listens on it. Nor do requests to entries of `no_proxy`: `*`, a host and everything below it
 * (`example.com`, `.example.com`, `*.example.com`), an address or a range (`10.0.0.0/8`), each but a range with an
 * optional port; separated by commas or blanks.
 */
export function proxyFor(url: URL, env: Environment): ProxyServer | undefined {
  const found = variable(env, /^(?:https|wss):$/.test(url.protocol) ? "https_proxy" : "http_proxy");
  if (found === undefined || isThisMachine(url.hostname)) return undefined;
  const exempt = variable(env, "no_proxy")?.value ?? "";
  return exempt.split(/[\s,]+/).some((entry) => matches(entry.toLowerCase(), url)) ? undefined : parse(found);
}

/** The end of a hint. */
export function bypassProxy({ hostname }: URL): string {
  return `bypass the proxy: add ${hostname} to NO_PROXY`;
}

type SetProxy = (env: Readonly<Record<string, string>>) => () => void;

/** From Node 24.14 on. */
async function proxySetter(): Promise<SetProxy | undefined> {
  return ((await import("node:http")) as { setGlobalProxyFromEnv?: SetProxy }).setGlobalProxyFromEnv;
}

/**
 * The global `WebSocket` has no proxy setting. From Node.js 24.14 on the proxy is set while `open` runs, when a
 * WebSocket chooses its route; from 22.21 on by a variable, read at the start. Elsewhere it is an error: a direct
 * connection was not requested.
 *
 * @param open - begins the connection before it returns, such as `() => new WebSocket(url)`
 */
export async function openThroughProxy<T>(url: URL, env: Environment, open: () => T): Promise<T> {
  const proxy = proxyFor(url, env);
  if (proxy === undefined) return open();
  const obstacle = await webSocketObstacle(env);
  if (obstacle !== undefined) {
    throw new AuthError(
      "configuration_invalid",
      `the WebSocket of Node.js ${process.version} cannot go through the proxy ${proxy.address}`,
      { hint: hint`${obstacle}, or ${bypassProxy(url)}` },
    );
  }
  const setProxy = await proxySetter();
  if (setProxy === undefined) return open();
  const href = proxy.href?.reveal() ?? proxy.address;
  const restore = setProxy({ http_proxy: href, https_proxy: href });
  try {
    return open();
  } finally {
    restore();
  }
}

/** What a WebSocket of this process needs to go through a proxy; undefined when nothing. */
export async function webSocketObstacle(env: Environment): Promise<Hint | undefined> {
  if ((await proxySetter()) !== undefined) return undefined;
  if (!process.allowedNodeEnvironmentFlags.has("--use-env-proxy")) return hint`Use Node.js 24.14 or later`;
  return env["NODE_USE_ENV_PROXY"] === "1"
    ? undefined
    : hint`Let Node.js use the proxy from its start: ${{ set: "NODE_USE_ENV_PROXY", value: "1" }}`;
}

interface Variable {
  name: string;
  value: string;
}

function variable(env: Environment, lower: string): Variable | undefined {
  for (const name of [lower, lower.toUpperCase()]) {
    // In a CGI program HTTP_PROXY is the request's header "Proxy", which any client can set ("httpoxy").
    if (name === "HTTP_PROXY" && env["REQUEST_METHOD"] !== undefined) continue;
    const value = env[name]?.trim();
    if (value) return { name, value };
  }
  return undefined;
}

function matches(entry: string, url: URL): boolean {
  if (entry === "*") return true;
  const host = url.hostname.replace(/^\[|\]$|\.$/g, "");
  const [, name = "", port] = isIP(entry) ? [entry, entry] : (/^(?:\*?\.)?\[?(.*?)\]?(?::(\d+))?$/.exec(entry) ?? []);
  if (
    name === "" ||
    (port !== undefined && port !== (url.port || (/^(?:http|ws):$/.test(url.protocol) ? "80" : "443")))
  )
    return false;
  const [network = "", prefix] = name.split("/");
  const version = isIP(network);
  if (version === 0) return host === name || (isIP(host) === 0 && host.endsWith(`.${name}`));
  const most = version === 4 ? 32 : 128;
  const bits = prefix === undefined ? most : /^\d+$/.test(prefix) ? Number(prefix) : Infinity;
  if (isIP(host) !== version || bits > most) return false;
  const family = version === 4 ? "ipv4" : "ipv6";
  const range = new BlockList();
  range.addSubnet(network, bits, family);
  return range.check(host, family);
}

function parse({ name, value }: Variable): ProxyServer {
  // The value may hold a password.
  const refuse = (why: string): AuthError =>
    new AuthError("configuration_invalid", `${name} ${why}`, {
      hint: hint`Set the URL of the proxy: ${{ set: name, value: "http://proxy.example:3128" }}`,
    });
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`;
  if (!URL.canParse(text)) throw refuse("is not the URL of a proxy");
  const { protocol, host, username, password } = new URL(text);
  if (protocol !== "http:" && protocol !== "https:")
    throw refuse(`names a proxy with the scheme "${protocol}", and only "http:" and "https:" can be used`);
  let credentials: string;
  try {
    credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  } catch {
    throw refuse('has an unescaped "%", not "%25", in its user name or password');
  }
  const isOpen = credentials === ":";
  return {
    variable: name,
    address: `${protocol}//${host}`,
    href: isOpen ? undefined : new Secret(text),
    authorization: isOpen ? undefined : new Secret(`Basic ${Buffer.from(credentials).toString("base64")}`),
  };
}
