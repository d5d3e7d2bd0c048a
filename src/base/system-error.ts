/** The system's name for a failure, such as `ENOENT` or `ECONNREFUSED`; undefined for a failure that has none. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** Why something failed, for a message: the system's name for it or for its cause, where `fetch` puts it, else the words. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return systemErrorCode(error) ?? (error.cause instanceof Error ? reasonOf(error.cause) : error.message);
}
