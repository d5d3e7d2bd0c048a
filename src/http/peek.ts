import type { Clock } from "../platform/clock.ts";

interface Peeked {
  /** Up to the limit and the chunk that crossed it, or what arrived in time. */
  readonly head: Uint8Array;
  /** With its whole body, for the caller to read or cancel. */
  readonly response: Response;
}

/** More than any short response of the protocol (S-014). */
const maxBytes = 65_536;
const timeoutMs = 5_000;

/**
 * Reads the beginning of a body, and leaves the whole to the caller. Not with `Response.clone()`: the unread branch
 * would block the other one on larger bodies.
 */
export async function peekBody(response: Response, clock: Clock): Promise<Peeked> {
  if (response.body === null) return { head: new Uint8Array(), response };
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const limit = new AbortController();
  const late = clock.sleep(timeoutMs, { signal: limit.signal, background: true }).catch(() => undefined);
  const chunks: Uint8Array[] = [];
  let size = 0;
  const ahead = (): ReturnType<typeof reader.read> => {
    const result = reader.read();
    // The next reader gets its failure; without one it must not end the program as an unhandled rejection.
    result.catch(() => undefined);
    return result;
  };
  let next = ahead();
  for (;;) {
    const result = await Promise.race([next.catch(() => undefined), late]);
    // Too late, or the connection broke: the next reader gets the chunk or the error.
    if (result === undefined || result.done) break;
    chunks.push(result.value);
    size += result.value.length;
    next = ahead();
    if (size >= maxBytes) break;
  }
  limit.abort();
  const head = Buffer.concat(chunks);
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      if (head.length > 0) controller.enqueue(head);
    },
    async pull(controller) {
      const { done, value } = await next;
      if (done) return controller.close();
      next = ahead();
      controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return { head, response: withBody(response, body) };
}

export async function discardBody({ body }: Response): Promise<void> {
  await body?.cancel().catch(() => undefined);
}

/** `Response` takes neither URL nor redirection from its caller. */
function withBody(response: Response, body: ReadableStream<Uint8Array>): Response {
  const { status, statusText, headers, url, redirected, type } = response;
  return Object.defineProperties(new Response(body, { status, statusText, headers }), {
    url: { value: url },
    redirected: { value: redirected },
    type: { value: type },
  });
}
