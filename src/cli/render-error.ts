import { evidence, isAuthError, systemErrorCode } from "../base/errors.ts";
import type { Identity } from "../base/identity.ts";
import { redact } from "../base/secret.ts";
import { exitCodeOf } from "./exit-code.ts";
import type { Output } from "./output.ts";

/**
 * @param how - `debug`: also print the stack and evidence; `json`: also print the failure as JSON; `mayHaveChanged`:
 *   for an interrupted command; `isOfTool`: the error is of a tool's own command, and its hint in words already
 */
export function renderError(
  error: unknown,
  {
    out,
    identity,
    debug,
    json,
    mayHaveChanged,
    isOfTool = false,
  }: { out: Output; identity: Identity; debug: boolean; json: boolean; mayHaveChanged: boolean; isOfTool?: boolean },
): number {
  const known = isAuthError(error) ? error : undefined;
  // Commands and rare paths are loaded late: a problem of loading may show after the start.
  const unloadable =
    known === undefined ? /^(?:E[MN]FILE|ERR_MODULE_NOT_FOUND)$/.exec(systemErrorCode(error) ?? "")?.[0] : undefined;
  const message = unloadable
    ? `cannot load the program (${unloadable})`
    : error instanceof Error
      ? error.message
      : String(error);
  const interrupted = mayHaveChanged
    ? "Check whether the request took effect before you try again"
    : "Run the command again";
  const reload =
    unloadable === "ERR_MODULE_NOT_FOUND"
      ? "Install it again"
      : "Close some programs, or raise the limit on open files";
  const next = unloadable
    ? reload
    : known === undefined
      ? `Run the command again with --debug, and report this bug in ${identity.name}`
      : known.code === "interrupted"
        ? interrupted
        : // Words only: of another copy of the package.
          isOfTool
          ? known.hint
          : (known.next ?? known.hint);
  if (json) {
    const code = known?.code ?? "internal_error";
    out.jsonFailure({ error: { code, message: redact(message), hint: redact(out.words(next)) } });
  }
  out.error(message);
  if (known !== undefined || unloadable !== undefined || !isOfTool || isMistake(error)) out.hint(next);
  if (debug) out.say(evidence(error));
  return known === undefined ? 1 : exitCodeOf(known.code);
}

/** An error that the runtime throws for wrong code, not one whose message is for users. */
function isMistake(error: unknown): boolean {
  return !(error instanceof Error) || (/^(Type|Range|Reference|Syntax)Error$/.test(error.name) && !error.cause);
}
