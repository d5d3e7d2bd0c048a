import { isTransient } from "../../../dist/index.js";

/**
 * A worker's outcome, with retries until it has a token or must stop: the token, or the error's code; the time, in
 * milliseconds; the number of retries.
 *
 * @param {Pick<import("../../../src/app/auth.ts").Auth, "getToken" | "close">} auth
 * @returns {Promise<{ token?: string, error?: string, ms: number, told: number }>}
 */
export async function outcomeOf(auth) {
  const startedAt = performance.now();
  /** @type {{ token?: string, error?: string, ms: number, told: number }} */
  const outcome = { ms: 0, told: 0 };
  while (outcome.token === undefined && outcome.error === undefined) {
    try {
      outcome.token = (await auth.getToken()).token;
    } catch (error) {
      outcome.told += 1;
      if (!isTransient(error)) outcome.error = error.code ?? error.stack;
    }
  }
  outcome.ms = performance.now() - startedAt;
  await auth.close().catch((error) => (outcome.error ??= error.code ?? error.stack));
  return outcome;
}
