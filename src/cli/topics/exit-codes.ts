import { exitCodes } from "../exit-code.ts";
import { bulletList } from "../format.ts";

const meanings: readonly (readonly [code: number, meaning: string])[] = [
  [0, "done"],
  [1, "failed"],
  [2, "wrong usage"],
  [3, "network, service, lock or shared store unavailable; the session is unchanged: try again"],
  [4, "not authenticated, or the session has ended"],
  [5, "the user, the issuer or the service denied access"],
  [6, "timed out"],
  [130, "interrupted"],
];

export function text(): string {
  const rows = meanings.map(([exit, meaning]): [string, string] => {
    const codes = Object.entries(exitCodes).flatMap(([code, its]) => (its === exit ? code : []));
    return [String(exit), codes.length === 0 ? meaning : `${meaning} (${codes.join(", ")})`];
  });
  return `${bulletList(rows)}

In parentheses: the error codes of the library and of --json. With --json, 1 may also be internal_error. A failure prints an "error:" line and, with the next step, a "hint:" line.`;
}
