/** Standard input, piece by piece as it comes. A reader that has enough stops; the signal ends it with its reason. */
export async function* standardInput(signal: AbortSignal): AsyncGenerator<Buffer> {
  signal.throwIfAborted();
  const input = process.stdin;
  const stop = (): void => void input.destroy(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  try {
    yield* input as AsyncIterable<Buffer>;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
