import type { Fetch } from "../base/runtime-types.ts";

export interface Effects {
  /** Requests that were sent and may have changed something: those without an answer, and those that were not refused. */
  unknown: number;
}

const leaves = Symbol("leaves");
type Leftover = "nothing" | "nothing once answered";
type Marked = RequestInit & { [leaves]?: Leftover };

/**
 * Marks a request that changes nothing although it is a POST, or whose effect is settled as soon as it is answered: a code or a ticket
 * that nobody uses expires by itself, and a refresh leaves the session as it was, with other tokens.
 */
export function leaving(leftover: Leftover, init: RequestInit): RequestInit {
  return { ...init, [leaves]: leftover } as Marked;
}

/**
 * A `fetch` that keeps track of what its requests may have changed (S-015). Nobody can say what became of a request that was sent
 * and not answered; one that was refused (4xx) has changed nothing.
 */
export function accountable(fetch: Fetch, effects: Effects): Fetch {
  return async (input, init = {}) => {
    const leftover = (init as Marked)[leaves];
    // RFC 9110 §9.2.1: the safe methods.
    if (leftover === "nothing" || /^(GET|HEAD|OPTIONS)$/i.test(init.method ?? "GET")) return fetch(input, init);
    effects.unknown += 1;
    const response = await fetch(input, init);
    if (leftover !== undefined || (response.status >= 400 && response.status < 500)) effects.unknown -= 1;
    return response;
  };
}
