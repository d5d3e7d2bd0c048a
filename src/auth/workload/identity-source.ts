import { isAbsolute } from "node:path";

/** Where the identity token of a job comes from: the platform that runs it, a file or a program. */
export type IdentitySource =
  /** `audience`: who the token is for; undefined: the issuer that it is exchanged at. */
  | { readonly kind: "github-actions"; readonly audience: string | undefined }
  /** `variable`: its whole name; undefined: the tool's own. */
  | { readonly kind: "gitlab"; readonly variable: string | undefined }
  /** `path`: of the projected file; undefined: the one with the tool's name. */
  | { readonly kind: "kubernetes"; readonly path: string | undefined }
  | { readonly kind: "file"; readonly path: string }
  /** `program`: an absolute path; `args`: its arguments. No shell is involved. */
  | { readonly kind: "command"; readonly program: string; readonly args: readonly string[] };

/** What can be named, for messages and the help. */
export const identitySources =
  "github-actions[:AUDIENCE], gitlab[:VARIABLE], kubernetes[:PATH], file:PATH or command:/PROGRAM ARGUMENTS";

/**
 * Reads the name of a source, such as `kubernetes:/var/run/secrets/tokens/build`. What follows the colon is the platform's own detail.
 *
 * A program is named by its absolute path: a bare name would be looked for in the directories of PATH, and on Windows in the current
 * one first, which a clone can fill.
 *
 * @returns undefined for anything else
 */
export function parseIdentitySource(text: string): IdentitySource | undefined {
  const [, kind, detail] = /^([a-z-]+)(?::(.*))?$/s.exec(text.trim()) ?? [];
  // A colon with nothing after it: a variable was empty when the name was put together.
  if (detail === "") return undefined;
  switch (kind) {
    case "github-actions":
      return { kind, audience: detail };
    case "gitlab":
      return detail === undefined || /^[A-Za-z_]\w*$/.test(detail) ? { kind, variable: detail } : undefined;
    case "kubernetes":
      return detail === undefined || isAbsolute(detail) ? { kind, path: detail } : undefined;
    case "file":
      return detail === undefined ? undefined : { kind, path: detail };
    case "command": {
      const [program = "", ...args] = detail?.trim().split(/\s+/) ?? [];
      return isAbsolute(program) ? { kind, program, args } : undefined;
    }
    default:
      return undefined;
  }
}
