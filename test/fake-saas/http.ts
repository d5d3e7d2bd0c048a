import type * as core from "../../src/app/testing/http.ts";

/** One request as it arrived. Kept for ever in `saas.requests`. */
export interface FakeRequest extends core.FakeRequest {
  /** The body as it crossed the wire; `body` is what gzip made of it. */
  readonly bytes: Buffer;
  /** Wall clock of this machine, in milliseconds, whatever the service's own clock says. */
  readonly at: number;
}

/** A JSON object body, or undefined. */
export function jsonOf({ headers, body }: core.FakeRequest): Record<string, unknown> | undefined {
  const type = headers["content-type"]?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/json") return undefined;
  try {
    const value: unknown = JSON.parse(body);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Whether it is a JSON object, neither null nor an array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
