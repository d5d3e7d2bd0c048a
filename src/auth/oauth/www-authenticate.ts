import type { JsonObject } from "../../http/json-members.ts";

/** One challenge of a `WWW-Authenticate` header (RFC 9110 §11.6.1). */
interface Challenge {
  /** In lower case, since schemes are compared without case: `bearer`. */
  readonly scheme: string;
  /** By name in lower case; the first value of a name that appears twice. */
  readonly parameters: ReadonlyMap<string, string>;
}

// No character class overlaps with what follows it, so no input makes these patterns backtrack.
const scheme = /[ \t,]*([!#$%&'*+.^_`|~\w-]+)(?=[ \t,]|$)/y;
const parameter =
  /[ \t,]*([!#$%&'*+.^_`|~\w-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([!#$%&'*+.^_`|~\w-]+)(?=[ \t,]|$))/y;
const token68 = /[ \t]+[\w.~+/-]+=*(?=[ \t]*(?:,|$))/y;

/**
 * A comma separates parameters as well as challenges; what follows it is a challenge when it has no `=`. Parsing ends at the first invalid
 * character: what came before still counts, and nothing is guessed.
 */
export function challengesOf(headers: Headers): Challenge[] {
  const header = headers.get("www-authenticate") ?? "";
  const challenges: Challenge[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(header) ?? undefined;
    if (match !== undefined) at = pattern.lastIndex;
    return match;
  };
  for (let name = take(scheme)?.[1]; name !== undefined; name = take(scheme)?.[1]) {
    const parameters = new Map<string, string>();
    challenges.push({ scheme: name.toLowerCase(), parameters });
    // A token68, as in `Negotiate YII=`, takes the place of parameters; its value is not needed.
    let found = take(parameter);
    if (found === undefined) take(token68);
    for (; found !== undefined; found = take(parameter)) {
      const key = (found[1] ?? "").toLowerCase();
      if (!parameters.has(key)) parameters.set(key, found[2]?.replace(/\\(.)/gs, "$1") ?? found[3] ?? "");
    }
  }
  return challenges;
}

/**
 * Then no refresh can help; any other 401 is about the access token alone. Where there is no JSON, the challenge counts (RFC 6750 §3, RFC
 * 9449 §7.1).
 */
export function saysSessionEnded(headers: Headers, body: JsonObject | undefined): boolean {
  const challenge = challengesOf(headers).find(
    ({ scheme, parameters }) => (scheme === "bearer" || scheme === "dpop") && parameters.has("error"),
  );
  const error = body?.["error"] ?? challenge?.parameters.get("error");
  return error === "session_invalid" || error === "token_revoked";
}
