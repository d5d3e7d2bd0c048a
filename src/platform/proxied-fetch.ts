import { type ClientRequest, type IncomingMessage, type RequestOptions, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import { connect } from "node:tls";
import { shownAddress } from "../base/address.ts";
import { reasonOf, ServiceError, hint, type Hint } from "../base/errors.ts";
import { bypassProxy, type ProxyServer } from "./proxy.ts";

/**
 * `fetch` through a proxy: a tunnel for `https:` (CONNECT, RFC 9110 §9.3.6), the whole URL for `http:` (RFC 9112
 * §3.2.2).
 *
 * The global `fetch` takes a proxy from Node 22.21 on, by a variable read at the start, and from 24.14 on by a setting
 * of the whole process, which a library must not change.
 *
 * As with `fetch`, the certificate is verified, the body is streamed, and the signal ends it all. Redirects are never
 * followed: without `redirect: "manual"` they are errors.
 */
export async function proxiedFetch(proxy: ProxyServer, url: URL, init: RequestInit = {}): Promise<Response> {
  const signal = init.signal ?? undefined;
  try {
    signal?.throwIfAborted();
    // The platform reads `init`: header names, the content type of the body.
    const asked = new Request(url, { ...init, signal: null });
    const body = new Uint8Array(await asked.arrayBuffer());
    const options: RequestOptions = {
      method: asked.method,
      // Without the header any coding would be acceptable (RFC 9110 §12.5.3), and nothing here decodes one.
      headers: { "accept-encoding": "identity", ...Object.fromEntries(asked.headers), host: url.host },
      signal,
    };
    if (body.length > 0 || asked.method === "POST" || asked.method === "PUT")
      options.headers = { ...options.headers, "content-length": body.length };
    const request =
      url.protocol === "https:" ? await throughTunnel(proxy, url, options) : withWholeAddress(proxy, url, options);
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      request.on("response", resolve).on("error", reject).end(body);
    });
    // Only a proxy says 407 (RFC 9110 §15.5.8), and its challenge is not for the caller.
    if (answer.statusCode === 407 && url.protocol === "http:") {
      answer.destroy();
      throw refused(proxy, url, 407);
    }
    return toResponse(answer, url, init);
  } catch (cause) {
    if (signal?.aborted) throw signal.reason;
    throw cause instanceof ServiceError ? cause : unreachable(proxy, url, cause);
  }
}

/** `agent: false`: the default agent may use a proxy of its own. */
function askProxy(proxy: ProxyServer, options: RequestOptions): ClientRequest {
  const { protocol, hostname, port } = new URL(proxy.address);
  const credentials = proxy.authorization && { "proxy-authorization": proxy.authorization.reveal() };
  const request = protocol === "https:" ? httpsRequest : httpRequest;
  return request({
    ...options,
    ...endpoint(hostname),
    port: port || null,
    agent: false,
    headers: { ...options.headers, ...credentials },
  });
}

function withWholeAddress(proxy: ProxyServer, url: URL, options: RequestOptions): ClientRequest {
  return askProxy(proxy, { ...options, path: url.origin + url.pathname + url.search });
}

/** The proxy sees the host's name and ciphertext. */
async function throughTunnel(proxy: ProxyServer, url: URL, options: RequestOptions): Promise<ClientRequest> {
  const authority = `${url.hostname}:${url.port || "443"}`;
  const socket = await new Promise<Duplex>((resolve, reject) => {
    askProxy(proxy, { method: "CONNECT", path: authority, headers: { host: authority }, signal: options.signal })
      .on("connect", ({ statusCode = 0 }: IncomingMessage, socket: Duplex, head: Buffer) => {
        if (statusCode >= 200 && statusCode < 300 && head.length === 0) return resolve(socket);
        socket.destroy();
        // In TLS the client speaks first: earlier bytes are not from the server.
        reject(
          head.length > 0 && statusCode < 300
            ? new Error("the proxy sent data into the tunnel")
            : refused(proxy, url, statusCode),
        );
      })
      .on("error", reject)
      .end();
  });
  const createConnection = (): Duplex => connect({ socket, ...endpoint(url.hostname), ALPNProtocols: ["http/1.1"] });
  return httpsRequest(url, { ...options, createConnection });
}

function toResponse(answer: IncomingMessage, url: URL, init: RequestInit): Response {
  const { statusCode: status = 0, statusMessage: statusText = "", rawHeaders } = answer;
  if (status >= 300 && status < 400 && answer.headers.location !== undefined && init.redirect !== "manual") {
    answer.destroy();
    throw new Error(`redirect (${status})`);
  }
  const headers = new Headers();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) headers.append(rawHeaders[at] ?? "", rawHeaders[at + 1] ?? "");
  const isEmpty = init.method === "HEAD" || status === 204 || status === 205 || status === 304;
  if (isEmpty) answer.resume();
  const response = new Response(isEmpty ? null : bodyOf(answer, init.signal), { status, statusText, headers });
  // The constructor cannot set it, and messages need it.
  return Object.defineProperty(response, "url", { value: url.href });
}

function bodyOf(answer: IncomingMessage, signal: AbortSignal | null | undefined): ReadableStream<Uint8Array> {
  const chunks: AsyncIterator<Uint8Array> = answer[Symbol.asyncIterator]();
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await chunks.next();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (cause) {
        throw signal?.aborted ? signal.reason : cause;
      }
    },
    cancel() {
      answer.destroy();
    },
  });
}

function refused(proxy: ProxyServer, url: URL, status: number): ServiceError {
  const hints: Partial<Record<number, Hint>> = {
    407: proxy.authorization
      ? hint`Correct the user name and password in ${proxy.variable}`
      : hint`Set the user name and password of the proxy: ${{ set: proxy.variable, value: proxy.address.replace("//", "//USER:PASSWORD@") }}`,
    403: hint`Ask the operators of the proxy to allow this URL, or ${bypassProxy(url)}`,
  };
  return new ServiceError(
    "network_unavailable",
    `cannot reach ${shownAddress(url)} via proxy ${proxy.address}: the proxy returned ${status}`,
    { hint: hints[status] ?? hint`Check ${proxy.variable} and the URL of the service, or ${bypassProxy(url)}` },
  );
}

function unreachable(proxy: ProxyServer, url: URL, cause: unknown): ServiceError {
  return new ServiceError(
    "network_unavailable",
    `cannot reach ${shownAddress(url)} via proxy ${proxy.address} (${reasonOf(cause)})`,
    { hint: hint`Check the network and ${proxy.variable}, or ${bypassProxy(url)}`, cause },
  );
}

/**
 * The host to connect to, and the name for its certificate. The handshake takes names, not IP addresses (RFC 6066 §3);
 * if unset, it would take the header `Host`, which for a proxy is the target's.
 */
function endpoint(hostname: string): { host: string; servername: string } {
  const host = hostname.replace(/^\[|\]$/g, "");
  return { host, servername: isIP(host) === 0 ? host : "" };
}
