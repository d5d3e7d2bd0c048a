import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { gunzipSync } from "node:zlib";
import type { Fault } from "./faults.ts";
import { isObject } from "./http.ts";
import type { Answer } from "../../src/app/testing/http.ts";
import type { FakeRequest } from "./http.ts";

/**
 * Reads a request and removes the base path. Other paths are marked and match no route, so that clients cannot omit the
 * base path. Only well-known URLs belong there (RFC 8615 §3).
 */
export async function readRequest(incoming: IncomingMessage, basePath: string): Promise<FakeRequest> {
  const url = new URL(incoming.url ?? "/", "http://fake");
  const inside = url.pathname.startsWith(`${basePath}/`);
  const outside = url.pathname.startsWith("/.well-known/") ? url.pathname : `outside:${url.pathname}`;
  const path = inside ? url.pathname.slice(basePath.length) : outside;
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  return {
    method: incoming.method ?? "",
    path,
    query: url.searchParams,
    headers: incoming.headers,
    body: decode(bytes, incoming.headers["content-encoding"]),
    bytes,
    at: Date.now(),
    status: 0,
  };
}

function decode(bytes: Buffer, encoding: string | undefined): string {
  try {
    return (encoding === "gzip" ? gunzipSync(bytes) : bytes).toString("utf8");
  } catch {
    return "";
  }
}

export function scriptedAnswer({ status = 200, body = "", malformed = false }: Fault): Answer {
  if (malformed) return { status, headers: { "Content-Type": "application/json" }, body: '{"access_token":"at_' };
  return { status, body };
}

export function disturb(answer: Answer, { edit, headers }: Fault): Answer {
  const changed = { ...answer, headers: { ...answer.headers, ...headers } };
  if (edit === undefined || !isObject(answer.body)) return changed;
  const body = edit({ ...answer.body });
  return { ...changed, body: isObject(body) ? body : JSON.stringify(body) };
}

/** With the service's time. */
export function encode(
  { status, headers = {}, body = "" }: Answer,
  now: number,
): { status: number; headers: Record<string, string>; payload: Buffer } {
  const raw = typeof body === "string" || Buffer.isBuffer(body);
  const payload = Buffer.from(raw ? body : JSON.stringify(body));
  const type: Record<string, string> = raw ? {} : { "Content-Type": "application/json" };
  return { status, headers: { Date: new Date(now).toUTCString(), ...type, ...headers }, payload };
}

/** JSON of `size` bytes in pieces, without a length, until done or disconnected. */
export async function sendBulk(response: ServerResponse, size: number, { status, headers }: Answer): Promise<void> {
  response.writeHead(status, { "Content-Type": "application/json", ...headers });
  const piece = Buffer.alloc(65_536, "x");
  const pieces = function* (): Generator<Buffer> {
    yield Buffer.from('{"access_token":"');
    for (let left = size - 19; left > 0; left -= piece.length) yield piece.subarray(0, left);
    yield Buffer.from('"}');
  };
  await pipeline(Readable.from(pieces()), response);
}
