import type * as core from "../../src/app/testing/http.ts";

/** Kept in `saas.requests`. */
export interface FakeRequest extends core.FakeRequest {
  /** As received; `body` is decompressed. */
  readonly bytes: Buffer;
  /** This machine's wall clock, in milliseconds. */
  readonly at: number;
}

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

/** Neither null nor an array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
