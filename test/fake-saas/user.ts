import type { UserName } from "./users.ts";

/** Where the scripted user's browser ended up. */
export interface Visit {
  /** Status of the last answer. */
  status: number;
  /** Every address that was visited, in order. */
  chain: string[];
  /** Text of the last answer. */
  page: string;
  /** Headers of the last answer. */
  headers: Headers;
  /** The address that the service sent the browser back to, with its code or error; undefined if it never did. */
  callback: string | undefined;
}

/** How the scripted user goes about it. */
export interface VisitOptions {
  /** The account chosen on the page; default alice. */
  as?: UserName;
  /** False: stops short of the client's own port, as a browser on another machine would; `callback` is still told. */
  follow?: boolean;
}

/** Opens the address, approves, and follows every redirect to the end. */
export function approve(authorizeUrl: string, options: VisitOptions = {}): Promise<Visit> {
  return decide(authorizeUrl, "approve", options);
}

/** Opens the address, denies, and follows every redirect to the end. */
export function deny(authorizeUrl: string, options: VisitOptions = {}): Promise<Visit> {
  return decide(authorizeUrl, "deny", options);
}

/** Approves, but the redirect back is changed on its way. `change` edits the address in place or gives another. */
export function tamper(
  authorizeUrl: string,
  change: (callback: URL) => URL | void,
  options: VisitOptions = {},
): Promise<Visit> {
  return decide(authorizeUrl, "approve", options, change);
}

/** Enters the code on the verification page and approves. */
export function approveDevice(verificationUri: string, userCode: string, options: VisitOptions = {}): Promise<Visit> {
  return decide(verificationUri, "approve", options, undefined, userCode);
}

/** Enters the code on the verification page and denies. */
export function denyDevice(verificationUri: string, userCode: string, options: VisitOptions = {}): Promise<Visit> {
  return decide(verificationUri, "deny", options, undefined, userCode);
}

async function decide(
  start: string,
  decision: "approve" | "deny",
  { as = "alice", follow = true }: VisitOptions,
  change: (callback: URL) => URL | void = () => undefined,
  userCode?: string,
): Promise<Visit> {
  let { origin } = new URL(start);
  const cookies = new Map<string, string>();
  const chain: string[] = [];
  let callback: string | undefined;
  let next: { url: URL; form?: URLSearchParams } | undefined = { url: new URL(start) };
  let last = { status: 0, page: "", headers: new Headers() };
  while (next !== undefined && chain.length < 20) {
    const { url, form }: { url: URL; form?: URLSearchParams } = next;
    chain.push(url.href);
    // As browsers keep them, by host: a port is not part of it.
    const headers = { cookie: cookies.get(url.hostname) ?? "" };
    const answer = await fetch(url, {
      redirect: "manual",
      headers,
      ...(form === undefined ? {} : { method: "POST", body: form }),
    });
    for (const line of answer.headers.getSetCookie()) cookies.set(url.hostname, line.split(";")[0] ?? "");
    last = { status: answer.status, page: await answer.text(), headers: answer.headers };
    next = undefined;
    const location = answer.headers.get("location");
    if (location !== null && answer.status >= 300 && answer.status < 400) {
      let target = new URL(location, url);
      // The one-time address that the command starts a browser with leads to the service.
      if (chain.length === 1 && url.pathname.startsWith("/start/")) origin = target.origin;
      if (callback === undefined && target.origin !== origin) {
        target = change(target) ?? target;
        callback = target.href;
        if (!follow) break;
      }
      next = { url: target };
    } else if (form === undefined && url.origin === origin) {
      next = filledIn(last.page, url, {
        user: as,
        decision,
        ...(userCode === undefined ? {} : { user_code: userCode }),
      });
    }
  }
  return { ...last, chain, callback };
}

/** The page's form with what it came with and what the user chose; undefined where there is no form. */
function filledIn(
  page: string,
  base: URL,
  choices: Record<string, string>,
): { url: URL; form: URLSearchParams } | undefined {
  const action = /<form method="post" action="([^"]*)"/.exec(page)?.[1];
  if (action === undefined) return undefined;
  const form = new URLSearchParams();
  for (const [, name, value] of page.matchAll(/<input[^>]* name="([^"]*)" value="([^"]*)"/g))
    form.set(name ?? "", value ?? "");
  for (const [name, value] of Object.entries(choices)) form.set(name, value);
  return { url: new URL(action, base), form };
}
