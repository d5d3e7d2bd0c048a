import type { JsonObject } from "../../http/json-members.ts";

/** RFC 9110 §11.6.1. */
interface Challenge {
  /** In lower case: `bearer`. */
  readonly scheme: string;
  /** By lower-case name; the first of repeated ones. */
  readonly parameters: ReadonlyMap<string, string>;
}

// No character class overlaps with what follows, so these patterns never backtrack.
const scheme = /[ \t,]*([!#$%&'*+.^_`|~\w-]+)(?=[ \t,]|$)/y;
const parameter =
  /[ \t,]*([!#$%&'*+.^_`|~\w-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([!#$%&'*+.^_`|~\w-]+)(?=[ \t,]|$))/y;
const token68 = /[ \t]+[\w.~+/-]+=*(?=[ \t]*(?:,|$))/y;

/**
 * A comma separates parameters and challenges; without a `=`, a challenge follows. Parsing ends at the first invalid
 * character, and keeps what came before.
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
    // A token68, as in `Negotiate YII=`, replaces parameters.
    let found = take(parameter);
    if (found === undefined) take(token68);
    for (; found !== undefined; found = take(parameter)) {
      const key = (found[1] ?? "").toLowerCase();
      if (!parameters.has(key)) parameters.set(key, found[2]?.replace(/\\(.)/gs, "$1") ?? found[3] ?? "");
    }
  }
  return challenges;
}

/** Then no refresh can help. Without JSON, the challenge counts (RFC 6750 §3, RFC 9449 §7.1). */
export function saysSessionEnded(headers: Headers, body: JsonObject | undefined): boolean {
  const challenge = challengesOf(headers).find(
    ({ scheme, parameters }) => (scheme === "bearer" || scheme === "dpop") && parameters.has("error"),
  );
  const error = body?.["error"] ?? challenge?.parameters.get("error");
  return error === "session_invalid" || error === "token_revoked";
}
