import { hintText } from "../base/hint-text.ts";
import { ownIdentity } from "../base/identity.ts";
import type { Clock } from "../platform/clock.ts";
import type { Environment } from "../platform/paths.ts";
import { proxyFor, webSocketObstacle, type Proxy } from "../platform/proxy.ts";
import { endpointOf, openConnection, resolveName, shakeHands, type Handshake } from "../platform/reachability.ts";
import type { Fetch } from "../base/runtime-types.ts";
import { failed, finder, type Finding } from "./finding.ts";
import { judgeAnswer, judgeCertificate, judgeClock, failureReason } from "./service-judgement.ts";

/** What the way to a service is tried with. */
export interface ServiceCheck {
  /** An endpoint of the service that answers 401 to a request without a token. */
  readonly endpoint: string;
  readonly env: Environment;
  readonly fetch: Fetch;
  readonly clock: Clock;
  /** Ends it all; each step has 3 s besides. */
  readonly signal: AbortSignal;
}

const stepMs = 3_000;

/** Goes the way to the service step by step, up to the first that cannot be taken. No token is sent. */
export async function examineService(check: ServiceCheck): Promise<Finding[]> {
  const url = new URL(check.endpoint);
  const findings: Finding[] = [];
  try {
    const proxy = proxyFor(url, check.env);
    const toProxy = proxy && `requests to ${url.hostname} go through ${proxy.address}, from ${proxy.variable}`;
    findings.push(finder("D201", "proxy")(proxy ? "note" : "ok", toProxy ?? `none for ${url.hostname}`));
    const obstacle = proxy && (await webSocketObstacle(check.env));
    if (obstacle) findings.push(finder("D207", "WebSocket")("warning", `the WebSocket of Node ${process.version} cannot go through the proxy ${proxy.address}`, hintText(obstacle, { identity: ownIdentity })));
    for await (const finding of way(url, proxy, check)) findings.push(finding);
  } catch (error) {
    findings.push(failed(finder("D201", "proxy"), error));
  }
  return findings;
}

async function* way(url: URL, proxy: Proxy | undefined, check: ServiceCheck): AsyncGenerator<Finding, void> {
  const { clock } = check;
  const limit = (): AbortSignal => AbortSignal.any([check.signal, clock.timeout(stepMs)]);
  const next = endpointOf(proxy ? new URL(proxy.address) : url);
  const whose = proxy ? `the proxy "${next.host}"` : `"${next.host}"`;

  const dns = finder("D202", "DNS");
  try {
    yield dns("ok", `${whose} is ${(await resolveName(next.host, limit())).join(", ")}`);
  } catch (error) {
    return yield dns("critical", `${whose} has no address (${failureReason(error)})`, proxy ? `Correct the proxy's address: echo "$${proxy.variable}"` : `nslookup ${next.host}`);
  }
  const tcp = finder("D203", "TCP");
  try {
    yield tcp("ok", `${await openConnection(next, limit())} answers at port ${next.port}`);
  } catch (error) {
    return yield tcp("critical", `nothing answers at ${whose}, port ${next.port} (${failureReason(error)})`, `Check the address, the network and any firewall: nc -vz ${next.host} ${next.port}`);
  }
  const tls = finder("D204", "TLS");
  let handshake: Handshake | undefined;
  try {
    // Through a proxy the handshake is within the tunnel, and the request below says what is wrong with it.
    if (url.protocol === "https:" && proxy === undefined) handshake = await shakeHands(next, limit());
  } catch (error) {
    return yield tls("critical", `no TLS connection to ${whose} can be made (${failureReason(error)})`, `openssl s_client -connect ${next.host}:${next.port}`);
  }

  const http = finder("D205", "HTTP");
  const sentAt = clock.now();
  try {
    const response = await check.fetch(url, { redirect: "manual", headers: { accept: "application/json" }, signal: limit() });
    const receivedAt = clock.now();
    await response.body?.cancel();
    if (handshake) yield judgeCertificate(tls, handshake, whose, true);
    yield judgeAnswer(http, response, url);
    yield judgeClock(finder("D206", "clock"), response, (sentAt + receivedAt) / 2);
  } catch (error) {
    // Whether a certificate is trusted is the request's word: the system's authorities may vouch for it where Node's do not.
    if (handshake) yield judgeCertificate(tls, handshake, whose, false);
    if (handshake?.failure === undefined) yield failed(http, error, `${url.origin} does not answer (${failureReason(error)})`, "Try again in a moment");
  }
}
