import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { Secret } from "../../base/secret.ts";

export type StartOutcome = "first" | "again" | "opened-twice" | "prefetch";

/**
 * The one-time address with which a browser is started, and the cookie that binds the login to that browser (S-009).
 *
 * Another user of this machine can read the browser's command line. If it contained the authorization address, with its `state`,
 * that user could open it first, log in with another account and call back: the victim would continue under the attacker's account.
 * What it contains instead is an address on the callback port, which leads to the authorization address once, and hands out a
 * cookie. From then on a callback counts only with that cookie; and a second opening without it means that two browsers took part,
 * so the login ends. The user's own terminal shows the service's address, which nobody else can read there, and needs no cookie.
 */
export interface BrowserStart {
  /** On the callback port, such as `/start/uniOySs…`. */
  readonly path: string;
  /** The header that sets the cookie. Lax: it comes along when the service's page leads back, and never with a script's request. */
  readonly setCookie: string;
  open(request: Pick<IncomingMessage, "headers">): StartOutcome;
  /** Whether a callback may count: always while the address was not opened, and then only from the browser that opened it. */
  admits(request: Pick<IncomingMessage, "headers">): boolean;
}

/** @param port - the callback's: it is part of the cookie's name, since cookies do not tell ports apart (RFC 6265 §8.5) */
export function browserStart(port: number): BrowserStart {
  const name = `login-${port}`;
  const value = new Secret(randomBytes(32).toString("base64url"));
  let isOpened = false;
  const hasCookie = ({ headers }: Pick<IncomingMessage, "headers">): boolean =>
    (headers.cookie ?? "")
      .split(/; */)
      .some((cookie) => cookie.startsWith(`${name}=`) && value.matches(cookie.slice(name.length + 1)));
  return {
    path: `/start/${randomBytes(16).toString("base64url")}`,
    setCookie: `${name}=${value.reveal()}; Path=/; HttpOnly; SameSite=Lax`,
    open(request) {
      // A browser that loads pages ahead of time: nobody has seen it, and it is opened again when somebody does.
      if (/prefetch/i.test(`${request.headers["sec-purpose"] ?? request.headers["purpose"] ?? ""}`)) return "prefetch";
      if (!isOpened) return ((isOpened = true), "first");
      return hasCookie(request) ? "again" : "opened-twice";
    },
    admits: (request) => !isOpened || hasCookie(request),
  };
}
