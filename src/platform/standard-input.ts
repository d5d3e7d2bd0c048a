import type { Readable } from "node:stream";

/** A reader may stop early; the signal ends it with its reason. */
export async function* standardInput(input: Readable, signal: AbortSignal): AsyncGenerator<Buffer> {
  signal.throwIfAborted();
  const stop = (): void => void input.destroy(signal.reason as Error);
  signal.addEventListener("abort", stop, { once: true });
  try {
    for await (const piece of input as AsyncIterable<string | Uint8Array>)
      yield typeof piece === "string" ? Buffer.from(piece) : Buffer.from(piece);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
