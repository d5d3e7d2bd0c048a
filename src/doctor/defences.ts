import { tellsOwners } from "../platform/connection-owner.ts";
import { reportOn, type Finding } from "./finding.ts";

/**
 * Which claims of the security model, by their names in `help security`, do not hold here, since the system or the runtime lacks what they
 * need.
 */
export function examineDefences(): Finding {
  const report = reportOn("D705", "defences");
  const missing = [
    ...(tellsOwners() ? [] : ["callback-owner (the system does not name the owner of a connection)"]),
    ...(obeysFolder()
      ? ["folder-profile, code-loading (Bun obeys .env and bunfig.toml of the working directory)"]
      : []),
    ...(process.platform === "win32" ? ["files-private, files-above (access lists are not checked)"] : []),
  ];
  return missing.length === 0
    ? report("ok", "every defense is available")
    : report("note", `not available here: ${missing.join(", ")}`, [{ command: "help security" }]);
}

/** Bun takes variables and code from the working directory, unless it is told not to. Of an executable only its author knows. */
function obeysFolder(): boolean {
  const { Bun } = globalThis as { readonly Bun?: { readonly isStandaloneExecutable?: boolean } };
  const isTold = ["--no-env-file", "--config="].every((flag) => process.execArgv.some((arg) => arg.startsWith(flag)));
  return Bun !== undefined && Bun.isStandaloneExecutable !== true && !isTold;
}
