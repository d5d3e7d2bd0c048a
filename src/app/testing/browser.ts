import { get } from "node:http";

type Send = (href: string, init: { redirect: "manual"; headers: Record<string, string> }) => Promise<Response>;

/**
 * Opens a URL as a browser does: follows redirects, keeps cookies by host (not by port), runs no scripts.
 *
 * @param send - sends a request without following redirects
 */
export async function browse(address: string, send: Send): Promise<void> {
  const cookies = new Map<string, string>();
  let next: URL | undefined = new URL(address);
  for (let left = 20; next !== undefined && left > 0; left -= 1) {
    const { hostname, href }: URL = next;
    const response: Response = await send(href, {
      redirect: "manual",
      headers: { cookie: cookies.get(hostname) ?? "" },
    });
    for (const line of response.headers.getSetCookie()) cookies.set(hostname, line.split(";")[0] ?? "");
    const location = response.headers.get("location");
    next = location === null || response.status < 300 || response.status >= 400 ? undefined : new URL(location, href);
    await response.arrayBuffer();
  }
}

/** A request to a loopback URL. The first `fetch` of a process costs more than the rest of a login. */
export const loopbackRequest: Send = (href, { headers }) =>
  new Promise((resolve, reject) => {
    const request = get(href, { headers, agent: false }, (incoming) => {
      const pieces: Buffer[] = [];
      incoming.on("data", (piece: Buffer) => pieces.push(piece));
      incoming.once("error", reject);
      incoming.once("end", () => {
        const received = Object.entries(incoming.headersDistinct);
        const lines = received.flatMap(([name, values = []]) => values.map((value): [string, string] => [name, value]));
        const body = pieces.length === 0 ? null : Buffer.concat(pieces);
        resolve(new Response(body, { status: incoming.statusCode ?? 0, headers: lines }));
      });
    });
    request.once("error", reject);
  });
