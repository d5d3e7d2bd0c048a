import { isAbsolute } from "node:path";

/** A job's platform, a file or a program. */
export type IdentitySource =
  /** `audience`: of the token; undefined: the issuer of the exchange. */
  | { readonly kind: "github-actions"; readonly audience: string | undefined }
  /** `variable`: its whole name; undefined: the tool's own. */
  | { readonly kind: "gitlab"; readonly variable: string | undefined }
  /** `path`: of the projected file; undefined: the one with the tool's name. */
  | { readonly kind: "kubernetes"; readonly path: string | undefined }
  | { readonly kind: "file"; readonly path: string }
  /** `program`: an absolute path. */
  | { readonly kind: "command"; readonly program: string; readonly args: readonly string[] };

export const identitySources =
  "github-actions[:AUDIENCE], gitlab[:VARIABLE], kubernetes[:PATH], file:PATH or command:/PROGRAM ARGUMENTS";

/**
 * Such as `kubernetes:/var/run/secrets/tokens/build`: the part after the colon is the platform's.
 *
 * A program needs an absolute path: a bare name would be looked up in PATH, and on Windows first in the working
 * directory, which a clone can fill.
 */
export function parseIdentitySource(text: string): IdentitySource | undefined {
  const [, kind, detail] = /^([a-z-]+)(?::(.*))?$/s.exec(text.trim()) ?? [];
  // An empty variable in the name.
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
