import type { App } from "../app/app.ts";
import { isAuthError, reasonOf, hint } from "../base/errors.ts";
import { discardBody } from "../http/peek.ts";
import { whenToRetry, isTransientStatus, retryAfter } from "../http/retry.ts";
import { proxyFor, webSocketObstacle, type ProxyServer } from "../platform/proxy.ts";
import { endpointOf, openConnection, resolveName, tlsHandshake, type Handshake } from "../platform/reachability.ts";
import { trustAuthority } from "../platform/system-fetch.ts";
import { reportFailure, reportOn, type Finding } from "./finding.ts";

const stepMs = 3_000;

/** Up to the first failing step. Sends no token: the endpoint answers 401 without one, or is public. */
export async function examineService(app: App, endpoint: string, signal: AbortSignal): Promise<Finding[]> {
  const url = new URL(endpoint);
  const findings: Finding[] = [];
  try {
    const proxy = proxyFor(url, app.env);
    const toProxy = proxy && `requests to ${url.hostname} go through ${proxy.address}, from ${proxy.variable}`;
    findings.push(reportOn("D201", "proxy")(proxy ? "note" : "ok", toProxy ?? `none for ${url.hostname}`));
    const obstacle = proxy && (await webSocketObstacle(app.env));
    const said = `the WebSocket of Node.js ${process.version} cannot go through the proxy ${proxy?.address}`;
    if (obstacle) findings.push(reportOn("D207", "WebSocket proxy")("warning", said, obstacle));
    for await (const finding of examineSteps(app, url, proxy, signal)) findings.push(finding);
  } catch (error) {
    findings.push(reportFailure(reportOn("D201", "proxy"), error));
  }
  return findings;
}

async function* examineSteps(
  { clock, fetch }: App,
  url: URL,
  proxy: ProxyServer | undefined,
  signal: AbortSignal,
): AsyncGenerator<Finding, void> {
  const limit = (): AbortSignal => AbortSignal.any([signal, clock.timeout(stepMs)]);
  const next = endpointOf(proxy ? new URL(proxy.address) : url);
  const port = String(next.port);
  const name = proxy ? `the proxy "${next.host}"` : `"${next.host}"`;

  const dns = reportOn("D202", "DNS");
  try {
    yield dns("ok", `${name} is ${(await resolveName(next.host, limit())).join(", ")}`);
  } catch (error) {
    const fix = proxy ? `Correct the proxy's URL in ${proxy.variable}` : [{ run: ["nslookup", next.host] }];
    return yield dns("critical", `${name} has no IP address (${failureReason(error)})`, fix);
  }

  const tcp = reportOn("D203", "TCP");
  try {
    yield tcp("ok", `${await openConnection(next, limit())} accepts connections on port ${port}`);
  } catch (error) {
    const fix = hint`Check the URL, the network and any firewall: ${{ run: ["nc", "-vz", next.host, port] }}`;
    return yield tcp("critical", `cannot connect to ${name}, port ${port} (${failureReason(error)})`, fix);
  }

  const tls = reportOn("D204", "TLS");
  let handshake: Handshake | undefined;
  try {
    // Through a proxy, the request below reports a failing handshake.
    if (url.protocol === "https:" && proxy === undefined) handshake = await tlsHandshake(next, limit());
  } catch (error) {
    const fix = { run: ["openssl", "s_client", "-connect", `${next.host}:${port}`] };
    return yield tls("critical", `cannot make a TLS connection to ${name} (${failureReason(error)})`, [fix]);
  }

  const http = reportOn("D205", "HTTP");
  const sentAt = clock.now();
  try {
    const response = await fetch(url, { redirect: "manual", headers: { accept: "application/json" }, signal: limit() });
    const receivedAt = clock.now();
    await discardBody(response);
    if (handshake) yield certificateFinding(handshake, name);
    yield responseFinding(response, url);
    yield clockFinding(response, (sentAt + receivedAt) / 2);
  } catch (error) {
    if (handshake) yield certificateFinding(handshake, name);
    if (handshake?.failure === undefined)
      yield reportFailure(
        http,
        error,
        `${url.origin} does not respond (${failureReason(error)})`,
        "Try again in a moment",
      );
  }
}

function certificateFinding({ failure, protocol, subject, issuer, validTo }: Handshake, name: string): Finding {
  const report = reportOn("D204", "TLS");
  const certificate = `for ${subject}, signed by ${issuer}, valid until ${validTo}`;
  if (failure === undefined) return report("ok", `${protocol}, with a certificate ${certificate}`);
  const said = `the certificate of ${name} is not trusted (${failure}): it is ${certificate}`;
  if (failure === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return report(
      "critical",
      said,
      hint`Correct the host name: ${{ variable: "SAAS_URL", value: "https://service.example" }}`,
    );
  }
  if (/EXPIRED|NOT_YET_VALID/.test(failure))
    return report("critical", said, "Check this machine's clock with date -u, and tell the operator of the service");
  return report("critical", said, hint`If your network's own authority signed it, ${trustAuthority}`);
}

function responseFinding(response: Response, url: URL): Finding {
  const { status, headers } = response;
  const report = reportOn("D205", "HTTP");
  const address = `${url.origin}${url.pathname}`;
  if (status === 401) return report("ok", `${address} returned 401 to a request without a token, as expected`);
  if (isTransientStatus(status))
    return report("critical", `${address} returned ${status}`, `Try again ${whenToRetry(retryAfter(response))}`);
  if (status >= 300 && status < 400) {
    const to = headers.get("location") ?? "";
    const target = URL.canParse(to, url.href) ? new URL(to, url).origin : "nowhere";
    const said = `${address} redirects to ${target}: the network may require a login, or the URL is wrong`;
    return report("warning", said, `Open it in a browser: ${url.origin}`);
  }
  if (url.pathname.startsWith("/.well-known/")) return report("ok", `${address} returned ${status}`);
  const said = `${address} returned ${status} to a request without a token, not 401: this may be another service`;
  return report("warning", said, hint`Check the URL of the service: ${{ command: "auth status" }}`);
}

const skewMs = 60_000;
const setClock: Partial<Record<NodeJS.Platform, string>> = {
  win32: "w32tm /resync",
  darwin: "sudo sntp -sS time.apple.com",
};

/** `here`: this machine's time at the response. */
function clockFinding({ headers }: Response, here: number): Finding {
  const report = reportOn("D206", "clock");
  const date = Date.parse(headers.get("date") ?? "");
  if (Number.isNaN(date)) return report("note", 'the service sends no "Date" header');
  // The header has whole seconds (RFC 9110 §6.6.1): half a second is the best guess.
  const offset = date + 500 - here;
  const seconds = Math.max(1, Math.round(Math.abs(offset) / 1000));
  if (Math.abs(offset) <= skewMs) return report("ok", `within ${seconds} s of the service's`);
  const difference = `${seconds} s ${offset > 0 ? "behind" : "ahead of"} the service's`;
  const said = `the clock of this machine is ${difference}: sessions tolerate this, but checks of certificates may fail`;
  return report("warning", said, setClock[process.platform] ?? "sudo timedatectl set-ntp true");
}

function failureReason(error: unknown): string {
  if (isAuthError(error)) return error.message;
  return error instanceof Error && error.name === "TimeoutError" ? "no response in time" : reasonOf(error);
}
