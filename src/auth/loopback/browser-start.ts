import { randomBytes } from "node:crypto";
import type { ConnectionOwner } from "../../platform/connection-owner.ts";

/**
 * The one-time address with which a browser is started (S-009).
 *
 * Another user of this machine can read the browser's command line. If it contained the authorization address, with its `state`, that user
 * could open it first, log in with another account and call back: the victim would continue under the attacker's account. What it contains
 * instead is an address on the callback port, which leads to the authorization address once, ever, and to a connection of the user's own.
 * So one browser has the state, and the state is what binds the login to it. A cookie would bind nothing more, and every port of this host
 * would get it, and could overwrite or evict it (RFC 6265 §8.5, §8.6).
 *
 * Where the system does not say whose a connection is, a second opening means that somebody else may have been the first: the login ends.
 */
export interface BrowserStart {
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
