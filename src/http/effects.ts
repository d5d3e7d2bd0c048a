import type { Fetch } from "../base/runtime-types.ts";

export interface Effects {
  /** Requests that were sent and may have changed something: those without an answer, and those that were not refused. */
  unknown: number;
}

const effect = Symbol("effect");
type Effect = "nothing" | "nothing once answered";
type Marked = RequestInit & { [effect]?: Effect };

/**
 * For a request that changes nothing although it is a POST, or whose effect is settled as soon as it is answered: a code or a ticket that
 * nobody uses expires by itself, and a refresh leaves the session as it was, with other tokens.
 */
export function withEffect(what: Effect, init: RequestInit): RequestInit {
  return { ...init, [effect]: what } as Marked;
}

/** S-015: nobody can say what became of a request that was sent and not answered; one that was refused (4xx) has changed nothing. */
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
