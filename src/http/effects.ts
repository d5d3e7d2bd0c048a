import type { Fetch } from "../base/runtime-types.ts";

export interface Effects {
  /** Requests that may have changed something: without a response, or not refused. */
  unknown: number;
}

const effect = Symbol("effect");
type Effect = "nothing" | "nothing once answered";
type Marked = RequestInit & { [effect]?: Effect };

/**
 * For a POST that changes nothing, or is settled by a response: an unused code or ticket expires, and a refresh leaves
 * the session with other tokens.
 */
export function withEffect(what: Effect, init: RequestInit): RequestInit {
  return { ...init, [effect]: what } as Marked;
}

/** S-015: a request without a response may have done anything; a refused one (4xx) has done nothing. */
export function countUnsettled(fetch: Fetch, effects: Effects): Fetch {
  const counted = async (input: string | URL, init: RequestInit, known: Effect | undefined): Promise<Response> => {
    effects.unknown += 1;
    const response = await fetch(input, init);
    if (known !== undefined || (response.status >= 400 && response.status < 500)) effects.unknown -= 1;
    return response;
  };
  return (input, init = {}) => {
    const known = (init as Marked)[effect];
    // RFC 9110 §9.2.1: the safe methods.
    if (known === "nothing" || /^(GET|HEAD|OPTIONS)$/i.test(init.method ?? "GET")) return fetch(input, init);
    return counted(input, init, known);
  };
}
