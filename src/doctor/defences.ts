import { tellsOwners } from "../platform/connection-owner.ts";
import { reportOn, type Finding } from "./finding.ts";

/** Claims of the security model, by their names in `help security`, that do not hold here, for lack of support. */
export function examineDefences(): Finding {
  const report = reportOn("D705", "defenses");
  const missing = [
    ...(tellsOwners() ? [] : ["callback-owner (the system does not name the owner of a connection)"]),
    ...(obeysFolder()
      ? ["folder-profile, code-loading (Bun reads .env and bunfig.toml of the working directory)"]
      : []),
    ...(process.platform === "win32" ? ["files-private, files-above (access control lists are not checked)"] : []),
  ];
  return missing.length === 0
    ? report("ok", "every defense is available")
    : report("note", `not available here: ${missing.join(", ")}`, [{ command: "help security" }]);
}

/**
 * By default Bun takes variables and code from the working directory. Only its author knows an executable's settings.
 */
function obeysFolder(): boolean {
  const { Bun } = globalThis as { readonly Bun?: { readonly isStandaloneExecutable?: boolean } };
  const isTold = ["--no-env-file", "--config="].every((flag) => process.execArgv.some((arg) => arg.startsWith(flag)));
  return Bun !== undefined && Bun.isStandaloneExecutable !== true && !isTold;
}
