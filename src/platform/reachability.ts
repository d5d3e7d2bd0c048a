import { lookup } from "node:dns/promises";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { abortable } from "./clock.ts";

interface Endpoint {
  /** A name or an IP address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

export interface Handshake {
  readonly protocol: string;
  /** OpenSSL's code if Node's own authorities do not cover the certificate. */
  readonly failure: string | undefined;
  readonly subject: string;
  readonly issuer: string;
  readonly validTo: string;
}

export function endpointOf({ protocol, hostname, port }: URL): Endpoint {
  return { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port) || (/^(?:http|ws):$/.test(protocol) ? 80 : 443) };
}

/**
 * By the lookup of every connection here.
 *
 * @param signal - ends the wait, but not the system's lookup, which cannot be canceled
 */
export async function resolveName(host: string, signal: AbortSignal): Promise<readonly string[]> {
  return (await abortable(lookup(host, { all: true }), signal)).map(({ address }) => address);
}

export async function openConnection({ host, port }: Endpoint, signal: AbortSignal): Promise<string> {
  const socket = connectTcp({ host, port });
  await untilEvent(socket, "connect", signal);
  const { remoteAddress = host } = socket;
  socket.destroy();
  return remoteAddress;
}

export async function tlsHandshake({ host, port }: Endpoint, signal: AbortSignal): Promise<Handshake> {
  // Unverified, to show a failing certificate. Nothing is ever sent.
  const socket: TLSSocket = connectTls({
    host,
    port,
    rejectUnauthorized: false,
    ...(isIP(host) === 0 && { servername: host }),
  });
  await untilEvent(socket, "secureConnect", signal);
  const certificate = socket.getPeerCertificate();
  const failure = socket.authorized
    ? undefined
    : String((socket.authorizationError as Error & { code?: string })?.code ?? socket.authorizationError);
  const named = (party: { CN?: unknown; O?: unknown } | undefined): string =>
    [party?.CN, party?.O].filter(Boolean).join(", ") || "unnamed";
  const protocol = socket.getProtocol() ?? "TLS";
  socket.destroy();
  const { subject, issuer, valid_to: validTo } = certificate;
  return { protocol, failure, subject: named(subject), issuer: named(issuer), validTo };
}

function untilEvent(socket: Socket, event: "connect" | "secureConnect", signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => void socket.destroy(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    // Kept after the event: a closing socket may still be reset, and an unhandled error ends the process.
    socket.on("error", reject);
    socket.once(event, () => {
      signal.removeEventListener("abort", stop);
      resolve();
    });
  });
}
