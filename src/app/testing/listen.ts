import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";

/** Listens on a free loopback port. If `answer` throws, the connection is cut. */
export async function listen(
  answer: (request: Request) => Promise<Response>,
): Promise<{ server: Server; url: string }> {
  let url = "";
  const server = createServer((incoming, outgoing) => {
    answer(requestOf(incoming, url)).then(
      (response) => send(response, outgoing),
      () => incoming.socket.resetAndDestroy(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  // A test that does not close it must not hang.
  server.unref();
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { server, url };
}

function requestOf(incoming: IncomingMessage, url: string): Request {
  const { method = "GET", headers } = incoming;
  const hasBody = method !== "GET" && method !== "HEAD";
  return new Request(url + (incoming.url ?? "/"), {
    method,
    headers: Object.entries(headers).map(([name, value = ""]): [string, string] => [name, String(value)]),
    ...(hasBody && { body: Readable.toWeb(incoming) as ReadableStream, duplex: "half" }),
  });
}

async function send(response: Response, outgoing: ServerResponse): Promise<void> {
  const payload = Buffer.from(await response.arrayBuffer());
  outgoing.writeHead(response.status, { ...Object.fromEntries(response.headers), "content-length": payload.length });
  outgoing.end(payload);
}
