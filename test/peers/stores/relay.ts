import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A network between a store and its clients. */
export interface Relay {
  /** Of the store, through the relay. */
  readonly url: string;
  /** Delay of each byte, in both directions, in milliseconds. */
  delayMs: number;
  /** Nothing arrives, silently; it comes afterwards, as with TCP. */
  cut(): void;
  heal(): void;
  end(): void;
}

export async function relayTo(target: string): Promise<Relay> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let healed: Promise<void> | undefined;
  let heal = (): void => undefined;
  const pass = (from: Socket, to: Socket): void => {
    let last = Promise.resolve();
    const inTurn = (act: () => void): void => {
      const due = new Promise((resolve) => setTimeout(resolve, relay.delayMs));
      last = last
        .then(() => due)
        .then(() => healed)
        .then(act);
    };
    from.on("data", (bytes: Buffer) => inTurn(() => void to.write(bytes)));
    from.on("close", () => inTurn(() => void to.destroy()));
    from.on("error", () => undefined);
    sockets.add(from);
    from.once("close", () => sockets.delete(from));
  };
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    pass(near, far);
    pass(far, near);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const relay: Relay = {
    url: target.replace(`${hostname}:${port}`, `127.0.0.1:${(server.address() as AddressInfo).port}`),
    delayMs: 0,
    cut: () => void (healed ??= new Promise((resolve) => (heal = resolve))),
    heal() {
      healed = undefined;
      heal();
    },
    end() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
  return relay;
}
