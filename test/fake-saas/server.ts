import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { handlerOf, type Answer, type Route } from "../../src/app/testing/http.ts";
import { issueTokens, openSession, type SessionRequest, type TokenAnswer } from "../../src/app/testing/sessions.ts";
import { apiRoutes } from "./api.ts";
import { dossierRoutes } from "./dossier.ts";
import { eventRoutes } from "./events.ts";
import { replacesWork } from "./faults.ts";
import type { Fault } from "./faults.ts";
import type { FakeRequest } from "./http.ts";
import { oauthRoutes } from "./oauth.ts";
import { usualScope, type FakeOptions } from "./options.ts";
import { FakeState } from "./state.ts";
import { trackerRoutes } from "./tracker.ts";
import { disturb, encode, readRequest, scriptedAnswer, sendBulk } from "./transport.ts";
import { WebSocketEndpoint } from "./websocket.ts";

/** On a real socket. State and behavior are in {@link FakeState}. */
export class FakeSaas extends FakeState {
  readonly #routes: Route[];
  readonly #webSocket: WebSocketEndpoint;
  #server: Server | undefined;
  #port: number;
  #stopping: AbortController = new AbortController();

  constructor(options: Partial<FakeOptions>) {
    super(options);
    this.#port = this.options.port;
    this.#routes = [
      ...oauthRoutes(this),
      ...apiRoutes(this),
      ...eventRoutes(this),
      ...dossierRoutes(this),
      ...trackerRoutes(this),
    ];
    this.#webSocket = new WebSocketEndpoint(this);
  }

  /** After a stop, on the same port with the same state. */
  async start(): Promise<void> {
    const { host, basePath } = this.options;
    const server = createServer((incoming, response) => void this.#serve(incoming, response));
    server.on("upgrade", (incoming, stream, head) => {
      stream.unshift(head);
      void this.#upgrade(incoming, stream);
    });
    // A dropped idle connection would look like a fault that no test requested.
    server.keepAliveTimeout = 60_000;
    this.#stopping = new AbortController();
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.#port, host, resolve);
    });
    const address = server.address();
    if (typeof address === "object" && address !== null) this.#port = address.port;
    this.#server = server;
    this.url = `http://${host.includes(":") ? `[${host}]` : host}:${this.#port}${basePath}`;
  }

  /** Cuts every connection, held responses included. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.#stopping.abort();
    for (const socket of this.sockets) socket.destroy();
    if (server === undefined) return;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }

  /** The process may then exit. */
  async close(): Promise<void> {
    await this.stop();
  }

  /** In milliseconds. */
  get clockOffsetMs(): number {
    return this.options.clockOffsetMs;
  }

  set clockOffsetMs(ms: number) {
    this.options.clockOffsetMs = ms;
  }

  /** A session without a browser; returns a token response. Not counted as a login. */
  issue(options: Partial<SessionRequest> & { expiresIn?: number; refreshExpiresIn?: number } = {}): TokenAnswer {
    const { expiresIn, refreshExpiresIn, ...about } = options;
    const { clientId = "" } = this.options;
    const session = openSession(this, { user: "alice", clientId, scope: usualScope, ...about });
    if (refreshExpiresIn !== undefined) session.refreshExpiresAt = this.now() + refreshExpiresIn * 1000;
    return issueTokens(this, session, expiresIn);
  }

  /** An object as JSON, a string as is, a Buffer raw. */
  pushToSockets(frame: object | string): void {
    for (const socket of this.sockets) socket.send(frame);
  }

  /** With this code (default 1001), or `"abrupt"`. */
  closeSockets(code: number | "abrupt" = 1001): void {
    for (const socket of this.sockets) {
      if (code === "abrupt") socket.destroy();
      else socket.close(code);
    }
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const request = await this.#record(incoming);
      const fault = this.faults.take(request);
      const answer = await this.#work(fault, () => this.#answer(request));
      if (answer === "silence") return;
      if (answer === "reset") return void incoming.socket.resetAndDestroy();
      request.status = answer.status;
      if (fault.bytes !== undefined) return await sendBulk(response, fault.bytes, answer);
      const { status, headers, payload } = encode(answer, this.now());
      response.writeHead(status, { ...headers, "Content-Length": payload.length });
      response.end(request.method === "HEAD" ? undefined : payload);
    } catch {
      // The client closed, or the service was stopped meanwhile.
      incoming.socket.destroy();
    } finally {
      this.changes.emit("change");
    }
  }

  #answer(request: FakeRequest): Answer {
    const handler = handlerOf(this.#routes, request);
    return handler?.(request) ?? { status: 404, body: { error: "not_found", path: request.path } };
  }

  async #upgrade(incoming: IncomingMessage, stream: Duplex): Promise<void> {
    // Also after an abrupt end of the client.
    stream.on("error", () => stream.destroy()).on("end", () => stream.end());
    try {
      const request = await this.#record(incoming);
      const fault = this.faults.take(request);
      const answer = await this.#work(fault, () => this.#webSocket.judge(request));
      if (answer === "silence") return void stream.resume();
      if (answer === "reset") return void incoming.socket.resetAndDestroy();
      request.status = answer.status;
      const { status, headers, payload } = encode(answer, this.now());
      const length = status === 101 ? {} : { "Content-Length": String(payload.length), Connection: "close" };
      const lines = Object.entries({ ...headers, ...length }).map(([name, value]) => `${name}: ${value}\r\n`);
      stream.write(`HTTP/1.1 ${status} Answer\r\n${lines.join("")}\r\n`);
      if (status === 101) this.#webSocket.open(request, stream);
      else stream.end(payload);
    } catch {
      stream.destroy();
    } finally {
      this.changes.emit("change");
    }
  }

  async #record(incoming: IncomingMessage): Promise<FakeRequest> {
    const request = await readRequest(incoming, this.options.basePath);
    this.requests.push(request);
    this.changes.emit("change");
    return request;
  }

  /** Applies a fault: holds, refuses, or disturbs. */
  async #work(fault: Fault, work: () => Answer): Promise<Answer | "silence" | "reset"> {
    await this.#hold(fault.delayMs, fault.gate);
    if (fault.hang === true) return "silence";
    if (fault.reset === "before") return "reset";
    const answer = replacesWork(fault) ? scriptedAnswer(fault) : work();
    this.changes.emit("change");
    await this.#hold((fault.delayAnswerMs ?? 0) + this.options.latencyMs, fault.gateAnswer);
    if (fault.hang === "after") return "silence";
    if (fault.reset === "after") return "reset";
    return disturb(answer, fault);
  }

  async #hold(ms: number | undefined, gate: Promise<unknown> | undefined): Promise<void> {
    if (ms !== undefined && ms > 0) await delay(ms, undefined, { signal: this.#stopping.signal });
    await gate;
  }
}

/** See {@link FakeOptions}. */
export async function startFakeSaas(options: Partial<FakeOptions> = {}): Promise<FakeSaas> {
  const saas = new FakeSaas(options);
  await saas.start();
  return saas;
}
