import type { UserName } from "./users.ts";

/** The end of the scripted user's visit. */
export interface Visit {
  status: number;
  /** Every URL, in order. */
  chain: string[];
  page: string;
  headers: Headers;
  /** The redirect URL with its code or error; undefined if none. */
  callback: string | undefined;
}

export interface VisitOptions {
  /** alice by default. */
  as?: UserName;
  /** False: stops before the client's port, as a browser on another machine; `callback` is still set. */
  follow?: boolean;
}

/** Follows every redirect to the end. */
export function approve(authorizeUrl: string, options: VisitOptions = {}): Promise<Visit> {
  return decide(authorizeUrl, "approve", options);
}

/** Follows every redirect to the end. */
export function deny(authorizeUrl: string, options: VisitOptions = {}): Promise<Visit> {
  return decide(authorizeUrl, "deny", options);
}

/** Approves, then changes the redirect. `change` edits the URL in place or returns another. */
export function tamper(
  authorizeUrl: string,
  change: (callback: URL) => URL | void,
  options: VisitOptions = {},
): Promise<Visit> {
  return decide(authorizeUrl, "approve", options, change);
}

export function approveDevice(verificationUri: string, userCode: string, options: VisitOptions = {}): Promise<Visit> {
  return decide(verificationUri, "approve", options, undefined, userCode);
}

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
    // By host as in browsers, without the port.
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
      // The one-time URL of the command leads to the service.
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

/** With its values and the user's choice; undefined without a form. */
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
