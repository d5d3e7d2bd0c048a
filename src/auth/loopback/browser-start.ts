import { randomBytes } from "node:crypto";
import type { ConnectionOwner } from "../../platform/connection-owner.ts";

/**
 * The one-time URL to start a browser with (S-009).
 *
 * Another user of the machine can read the browser's command line. With the authorization URL and its `state`, that
 * user could open it first, log in with another account and call back: the victim would continue under the attacker's
 * account. So the command line has a URL on the callback port, which leads to the authorization URL once, and only for
 * a connection of the same user. One browser then has the state, which binds the login to it. A cookie would bind
 * nothing more: every port of this host would get it, and could overwrite or evict it (RFC 6265 §8.5, §8.6).
 *
 * Where the owner of a connection is unknown, a second opening means that the first may have been another user's: the
 * login ends.
 */
interface BrowserStart {
  /** On the callback port, such as `/start/uniOySs…`. */
  readonly path: string;
  open(owner: ConnectionOwner): "first" | "again" | "contested";
}

export function browserStart(): BrowserStart {
  let [isOpened, isCertain] = [false, true];
  return {
    path: `/start/${randomBytes(16).toString("base64url")}`,
    open(owner) {
      isCertain &&= owner === "own";
      if (!isOpened) return ((isOpened = true), "first");
      return isCertain ? "again" : "contested";
    },
  };
}
