import { once } from "node:events";
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { connect, type AddressInfo, type Socket } from "node:net";
import { pipeline } from "node:stream";

export interface ProxyRequest {
  method: string;
  /** `host:port` of a CONNECT, else the whole URL. */
  target: string;
  headers: NodeJS.Dict<string | string[]>;
}

/** May change while it runs. */
export interface ProxyBehaviour {
  /** Names that only the proxy resolves: `host:port` to a loopback port. */
  routes: Record<string, number>;
  /** Required `user:password`, if any. */
  basic?: string | undefined;
  /** Refuses everything with this status. */
  refuse?: number | undefined;
  /** `"silence"` never responds; `"hang up"` ends the connection. */
  fault?: "silence" | "hang up" | undefined;
  /** The proxy itself speaks TLS, as `localhost`. */
  certificate?: { key: string; cert: string } | undefined;
}

/** A forward proxy on loopback (RFC 9110 §9.3.6, RFC 9112 §3.2.2): CONNECT, and requests with a whole URL. */
export interface TestProxy extends AsyncDisposable {
  /** Such as `http://127.0.0.1:4711`. */
  url: string;
  behaviour: ProxyBehaviour;
  /** In order. */
  requests: ProxyRequest[];
}

/** Ends with every connection on disposal. */
export async function startProxy(behaviour: ProxyBehaviour): Promise<TestProxy> {
  const requests: ProxyRequest[] = [];
  const sockets = new Set<Socket>();

  /** Records the request. Returns a refusal's status, 0 for no response, else the port. */
  const judge = (asked: IncomingMessage, authority: string): { refusal: number } | { port: number } => {
    requests.push({ method: asked.method ?? "", target: asked.url ?? "", headers: asked.headers });
    const { basic, refuse, fault, routes } = behaviour;
    if (fault === "hang up") asked.socket.destroy();
    if (fault !== undefined) return { refusal: 0 };
    if (refuse !== undefined) return { refusal: refuse };
    if (
      basic !== undefined &&
      asked.headers["proxy-authorization"] !== `Basic ${Buffer.from(basic).toString("base64")}`
    )
      return { refusal: 407 };
    const port = routes[authority];
    return port === undefined ? { refusal: 502 } : { port };
  };

  const { certificate } = behaviour;
  const server: Server = certificate ? createSecureServer(certificate) : createServer();
  server.on("request", (asked: IncomingMessage, answer: ServerResponse) => {
    const url = URL.canParse(asked.url ?? "") ? new URL(asked.url ?? "") : undefined;
    const verdict = judge(asked, url ? `${url.hostname}:${url.port || "80"}` : "");
    if ("refusal" in verdict) {
      if (verdict.refusal !== 0) answer.writeHead(verdict.refusal, { "x-from": "proxy" }).end("refused by the proxy");
      return;
    }
    const { "proxy-authorization": _, ...headers } = asked.headers;
    const onward = request(
      {
        host: "127.0.0.1",
        port: verdict.port,
        method: asked.method,
        path: url ? url.pathname + url.search : "/",
        headers,
      },
      (got) => {
        answer.writeHead(got.statusCode ?? 502, got.statusMessage, got.headers);
        // Also passes on an early end.
        pipeline(got, answer, () => undefined);
      },
    );
    onward.on("error", () => answer.destroy());
    answer.on("close", () => onward.destroy());
    asked.pipe(onward);
  });

  server.on("connect", (asked: IncomingMessage, client: Socket, head: Buffer) => {
    client.on("error", () => client.destroy());
    const verdict = judge(asked, asked.url ?? "");
    if ("refusal" in verdict) {
      if (verdict.refusal !== 0) client.end(`HTTP/1.1 ${verdict.refusal} Refused\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    const target = connect(verdict.port, "127.0.0.1", () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      if (head.length > 0) target.write(head);
      target.pipe(client).pipe(target);
    });
    sockets.add(target);
    target.on("error", () => client.destroy()).on("close", () => client.destroy());
    client.on("close", () => target.destroy());
  });

  server.on("connection", (socket) => sockets.add(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `${certificate ? "https://localhost" : "http://127.0.0.1"}:${(server.address() as AddressInfo).port}`,
    behaviour,
    requests,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
