import type { Server } from "node:net";
import { AuthError, reasonOf, hint, login } from "../../base/errors.ts";

/** The host in the redirect URI. The literal address is the rule (RFC 8252 §8.3); some servers have registered the name only. */
export type RedirectHost = "127.0.0.1" | "localhost";

const searched = Array.from({ length: 11 }, (_, index) => 28888 + index);
const ephemeral = 0;

/** The ports that a callback may listen on, as far as they are known beforehand: the one that was chosen, else those that are searched. */
export function callbackPorts(port: number | undefined): readonly number[] {
  return port === undefined ? searched : [port];
}

/**
 * Takes a port on the loopback interface: the first free one of 28888–28898, else one that the system assigns. With `localhost`
 * the same port is taken on `[::1]` too: a browser may try either address, and a port taken on only one of them would leave the
 * other to any program of any user, which would then receive the code.
 *
 * @param createServer - makes a server that does not listen yet; called once for each address and attempt
 * @param port - this port only
 * @throws {@link AuthError} `usage_invalid` when `port` cannot be taken, `configuration_invalid` when none can
 */
export async function takeCallbackPort<S extends Server>(
  createServer: () => S,
  redirectHost: RedirectHost,
  port?: number,
): Promise<{ servers: S[]; port: number }> {
  // An ephemeral port that is free on one address may be taken on the other, so it is worth a few attempts.
  const candidates = port === undefined ? [...searched, ephemeral, ephemeral, ephemeral] : [port];
  let reason: unknown;
  for (const candidate of candidates) {
    try {
      return await take(createServer, redirectHost, candidate);
    } catch (error) {
      // Whatever the problem is (in use, reserved by the system, not permitted), the next port may not have it.
      reason = error;
    }
  }
  if (port === undefined) {
    throw new AuthError("configuration_invalid", `no port can be opened on 127.0.0.1 (${reasonOf(reason)})`, {
      hint: hint`Log in without a port: ${login(undefined, "--headless")}`,
      cause: reason,
    });
  }
  const why =
    reasonOf(reason) === "EADDRINUSE" ? "is in use by another program" : `cannot be opened (${reasonOf(reason)})`;
  throw new AuthError("usage_invalid", `port ${port} ${why}`, {
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
      // A machine without IPv6 has no [::1] that another program could take, and one without IPv4 no 127.0.0.1 (RFC 8252 §7.3).
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
    // `exclusive`: in a cluster, the port would otherwise be shared with the other workers.
    server.listen({ host, port, exclusive: true }, () => {
      server.off("error", reject);
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}
