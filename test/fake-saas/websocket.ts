import { createHash } from "node:crypto";
import type { Duplex } from "node:stream";
import { receiveEvent } from "./events.ts";
import { failure } from "../../src/app/testing/http.ts";
import { isObject } from "./http.ts";
import type { Answer } from "../../src/app/testing/http.ts";
import type { FakeRequest } from "./http.ts";
import type { IssuerSession } from "../../src/app/testing/issuer.ts";
import { FakeSocket } from "./socket.ts";
import type { FakeState } from "./state.ts";

/** `/ws`: opened by a single-use ticket in the `Authorization` header; ignores the query. */
export class WebSocketEndpoint {
  readonly #state: FakeState;
  readonly #admitted = new WeakMap<FakeRequest, { session: IssuerSession; team: string }>();

  constructor(state: FakeState) {
    this.#state = state;
  }

  /** RFC 6455 §4.2; uses up the ticket even if the connection then fails. */
  judge(request: FakeRequest): Answer {
    const { headers } = request;
    const key = headers["sec-websocket-key"];
    if (request.path !== "/ws") return failure(404, "not_found");
    if (request.method !== "GET" || headers.upgrade?.toLowerCase() !== "websocket" || key === undefined) {
      return failure(400, "invalid_handshake");
    }
    if (headers["sec-websocket-version"] !== "13") {
      return { ...failure(426, "invalid_handshake"), headers: { "Sec-WebSocket-Version": "13" } };
    }
    const value = /^Bearer (\S+)$/i.exec(headers.authorization ?? "")?.[1] ?? "";
    const ticket = this.#state.tickets.get(value);
    if (ticket === undefined || ticket.consumed) return failure(401, "invalid_ticket");
    ticket.consumed = true;
    if (ticket.expiresAt <= this.#state.now()) return failure(401, "ticket_expired");
    if (ticket.session.ended !== undefined) return failure(401, ticket.session.ended);
    this.#admitted.set(request, ticket);
    const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    return { status: 101, headers: { Upgrade: "websocket", Connection: "Upgrade", "Sec-WebSocket-Accept": accept } };
  }

  /** Sends the snapshot, then pings, and an ack for every event. */
  open(request: FakeRequest, stream: Duplex): void {
    const ticket = this.#admitted.get(request);
    if (ticket === undefined) return void stream.end();
    const socket = new FakeSocket(stream, ticket.team, (text) => {
      const frame = parse(text);
      this.#state.frames.push(frame);
      if (isObject(frame) && typeof frame["event_id"] === "string") {
        const result = receiveEvent(this.#state, frame, {
          user: ticket.session.user,
          team: ticket.team,
          via: "websocket",
        });
        const refused = result !== undefined && !["accepted", "duplicate"].includes(result.status);
        if (result !== undefined) socket.send({ type: refused ? "error" : "ack", ...result });
      }
      this.#state.changes.emit("change");
    });
    this.#state.sockets.add(socket);
    const { pingMs } = this.#state.options;
    const beat = (): void => socket.send({ type: "ping", timestamp: new Date(this.#state.now()).toISOString() });
    const timer = pingMs > 0 ? setInterval(beat, pingMs) : undefined;
    stream.on("close", () => {
      clearInterval(timer);
      this.#state.sockets.delete(socket);
      this.#state.changes.emit("change");
    });
    socket.send({ type: "snapshot", work_packages: this.#state.workPackages });
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
