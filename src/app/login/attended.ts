import { isatty } from "node:tty";
import { AuthError, hint } from "../../base/errors.ts";
import { isCiJob } from "../../platform/browser-or-device.ts";
import type { Environment } from "../../platform/paths.ts";
import type { LoginPlan } from "./plan.ts";

/**
 * A code that nobody sees blocks until it expires: a quarter of an hour in a CI job. So an unattended program must
 * choose it.
 *
 * @throws {@link AuthError} `usage_invalid`
 */
export function requireSomebody({ login }: LoginPlan, env: Environment): void {
  const why = isCiJob(env) ? "this is a CI job" : isatty(0) || isatty(2) ? undefined : "there is no terminal";
  if (login !== "device" || why === undefined) return;
  throw new AuthError("usage_invalid", `a device login needs an explicit request here: ${why}`, {
    hint: hint`If a user can enter the code, pass flow: "device". Otherwise pass a token: ${{ variable: "ACCESS_TOKEN", value: "…" }}`,
  });
}
