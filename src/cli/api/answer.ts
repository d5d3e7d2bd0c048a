import { discardBody } from "../../http/peek.ts";
import { unreachable } from "../../http/request.ts";
import type { UserFileWriter } from "../../platform/user-files.ts";
import type { Context } from "../command.ts";
import { byteSize } from "../format.ts";

/** Longer JSON is not formatted: all of it would be in memory. */
const mostPretty = 1024 * 1024;

/** Of any size and duration, as long as it keeps coming. Written to `file`, if given, unless it is an error. */
export async function showAnswer(
  context: Context,
  response: Response,
  { include, silent }: { include?: boolean | undefined; silent?: boolean | undefined },
  file: UserFileWriter | undefined,
): Promise<void> {
  const { out } = context;
  if (include) {
    out.answer(`HTTP/1.1 ${response.status} ${response.statusText}`.trim());
    for (const [name, value] of response.headers) out.answer(`${name}: ${value}`);
    out.answer("");
  }
  if (silent) return void (await discardBody(response));
  const body = piecesOf(response, context.signal);
  if (file !== undefined && response.status < 400) return save(context, response, body, file);
  if (!out.isAnswerShown || !/[/+]json\b/i.test(response.headers.get("content-type") ?? "")) return out.relay(body);
  const { head, rest } = await beginning(body);
  if (rest !== undefined) return out.relay(rest);
  const { jsonView } = await import("./json-view.ts");
  out.relayJson(new TextDecoder().decode(head), jsonView);
}

async function* piecesOf(response: Response, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    yield* (response.body ?? []) as AsyncIterable<Uint8Array>;
  } catch (cause) {
    throw unreachable(response.url, cause, signal);
  }
}

/** All of a short body; of a longer one also the stream to read instead. */
async function beginning(
  body: AsyncGenerator<Uint8Array>,
): Promise<{ head: Uint8Array; rest?: AsyncGenerator<Uint8Array> }> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for (let next = await body.next(); !next.done; next = await body.next()) {
    pieces.push(next.value);
    if ((size += next.value.length) <= mostPretty) continue;
    const all = async function* (): AsyncGenerator<Uint8Array> {
      yield* pieces;
      yield* body;
    };
    return { head: new Uint8Array(), rest: all() };
  }
  return { head: Buffer.concat(pieces) };
}

async function save(
  { app: { clock }, out }: Context,
  { headers }: Response,
  body: AsyncGenerator<Uint8Array>,
  file: UserFileWriter,
): Promise<void> {
  const total = headers.has("content-encoding") ? 0 : Number(headers.get("content-length") ?? 0);
  const startedAt = clock.monotonic();
  let written = 0;
  let shownAt = startedAt;
  for await (const piece of body) {
    await file.write(piece);
    written += piece.length;
    const now = clock.monotonic();
    if (now - shownAt < 100) continue;
    shownAt = now;
    out.progress(
      `${byteSize(written)}${total > 0 ? ` of ${byteSize(total)}` : ""}, ${byteSize((1000 * written) / (now - startedAt))}/s`,
    );
  }
  out.progress("");
  await file.commit();
}
