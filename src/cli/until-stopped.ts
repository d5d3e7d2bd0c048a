import type { Context } from "./command.ts";

// For commands that run until Ctrl-C.

export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) =>
    signal.aborted ? resolve() : signal.addEventListener("abort", () => resolve(), { once: true }),
  );
}

/** The session would be lost with this process. */
export function warnOfUnsaved({ app, out }: Pick<Context, "app" | "out">): void {
  app.events.on("unsaved", ({ error }) => out.warn(`the refreshed session is in memory only: ${error.message}`));
}
