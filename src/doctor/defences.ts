import { tellsOwners } from "../platform/connection-owner.ts";
import { reportOn, type Finding } from "./finding.ts";

/** Which claims of the security model, by their names in `help security`, do not hold here, since the system or the runtime lacks what they need. */
export function examineDefences(): Finding {
  const report = reportOn("D705", "defences");
  const missing = [
    ...(tellsOwners() ? [] : ["callback-owner (nobody says whose a connection is)"]),
    ...(process.platform === "win32" ? ["files-private, files-above (access lists are not read)"] : []),
  ];
  return missing.length === 0
    ? report("ok", "every claim of the security model can hold here")
    : report("note", `not available here: ${missing.join(", ")}`, [{ command: "help security" }]);
}
