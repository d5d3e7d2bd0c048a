import type { Server } from "node:net";
import { AuthError, reasonOf, hint, login } from "../../base/errors.ts";

/** The IP address is the rule (RFC 8252 §8.3); some servers have registered only the name. */
export type RedirectHost = "127.0.0.1" | "localhost";

const searched = Array.from({ length: 11 }, (_, index) => 28888 + index);
const ephemeral = 0;

export function callbackPorts(port: number | undefined): readonly number[] {
  return port === undefined ? searched : [port];
}

/**
 * The first free one of 28888–28898, else one from the system. With `localhost` also on `[::1]`: a browser may try
 * either, and any program could take the other and receive the code.
 *
 * @param createServer - called for each IP address and try
 * @param port - this port only
 * @throws {@link AuthError} `usage_invalid` when `port` cannot be taken, `configuration_invalid` when none can
 */
export async function takeCallbackPort<S extends Server>(
  createServer: () => S,
  redirectHost: RedirectHost,
  port?: number,
): Promise<{ servers: S[]; port: number }> {
  // An ephemeral port may be free on one IP address only, so try a few.
  const candidates = port === undefined ? [...searched, ephemeral, ephemeral, ephemeral] : [port];
  let reason: unknown;
  for (const candidate of candidates) {
    try {
      return await take(createServer, redirectHost, candidate);
    } catch (error) {
      // The next port may be fine.
      reason = error;
    }
  }
  if (port === undefined) {
    throw new AuthError("configuration_invalid", `cannot open a port on 127.0.0.1 (${reasonOf(reason)})`, {
      hint: hint`Log in without a port: ${login(undefined, "--headless")}`,
      cause: reason,
    });
  }
  const isTaken = reasonOf(reason) === "EADDRINUSE";
  const why = isTaken ? `another program uses port ${port}` : `cannot open port ${port} (${reasonOf(reason)})`;
  throw new AuthError("usage_invalid", why, {
    hint: hint`Omit --port to use a free one: ${login()}`,
    cause: reason,
  });
}

async function take<S extends Server>(
  createServer: () => S,
  redirectHost: RedirectHost,
  candidate: number,
): Promise<{ servers: S[]; port: number }> {
  const servers: S[] = [];
  let port = candidate;
  let absent: unknown;
  for (const address of redirectHost === "localhost" ? ["127.0.0.1", "::1"] : ["127.0.0.1"]) {
    const server = createServer();
    try {
      port = await listen(server, address, port);
      servers.push(server);
    } catch (error) {
      // Without IPv6 no other program can take [::1], and without IPv4 no 127.0.0.1 (RFC 8252 §7.3).
      if (["EADDRNOTAVAIL", "EAFNOSUPPORT"].includes(reasonOf(error))) absent = error;
      else {
        for (const taken of servers) taken.close();
        throw error;
      }
    }
  }
  if (servers.length === 0) throw absent;
  return { servers, port };
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    // `exclusive`: a cluster would share the port among its workers.
    server.listen({ host, port, exclusive: true }, () => {
      server.off("error", reject);
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}
