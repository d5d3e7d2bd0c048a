import type { App } from "../app/app.ts";
import { isTransient } from "../base/errors.ts";
import { usageError } from "./command.ts";

/**
 * Refuses to change a login here while an agent lends one: a login would go unused, and a logout would not end the lent
 * one.
 */
export async function refuseLent({ tokenSource }: App, what: "log in" | "log out"): Promise<void> {
  if (tokenSource?.lender === undefined) return;
  const { origin } = tokenSource;
  const found = await tokenSource.lender().catch((error: unknown) => {
    if (isTransient(error)) return undefined;
    throw error;
  });
  const message =
    found === undefined
      ? `the agent named by ${origin} does not respond`
      : `${origin} names an agent on ${found.host}, the machine of the login`;
  throw usageError(message, [
    ...(found === undefined ? [] : [`${what === "log in" ? "Log in" : "Log out"} there. `]),
    `To ${what} here: `,
    { set: origin, value: null },
  ]);
}
