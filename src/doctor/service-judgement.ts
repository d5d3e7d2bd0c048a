import { AuthError, reasonOf } from "../base/errors.ts";
import { isTransientStatus } from "../http/retry.ts";
import type { Handshake } from "../platform/reachability.ts";
import type { Finding, Report } from "./finding.ts";

/**
 * What a certificate is worth.
 * @param isAnswered - whether a request that verifies it had an answer
 */
export function judgeCertificate(report: Report, { failure, protocol, subject, issuer, validTo }: Handshake, whose: string, isAnswered: boolean): Finding {
  const certificate = `for ${subject}, issued by ${issuer}, good until ${validTo}`;
  if (failure === undefined || isAnswered) {
    const by = failure === undefined ? "" : "; this system's own list of authorities vouches for it";
    return report("ok", `${protocol}, with a certificate ${certificate}${by}`);
  }
  const said = `the certificate of ${whose} is not trusted (${failure}): it is ${certificate}`;
  if (failure === "ERR_TLS_CERT_ALTNAME_INVALID") return report("critical", said, "Correct the host name: export SPEC_KITTY_SAAS_URL=https://service.example");
  if (/EXPIRED|NOT_YET_VALID/.test(failure)) return report("critical", said, "Compare this machine's clock, and tell those who run the service: date -u");
  return report("critical", said, "If that issuer is an authority of your network: export NODE_EXTRA_CA_CERTS=/path/to/authority.pem");
}

/** What an answer to a request without a token says of who gave it. */
export function judgeAnswer(report: Report, { status, headers }: Response, url: URL): Finding {
  const asked = `${url.origin}${url.pathname}`;
  if (status === 401) return report("ok", `${asked} answers 401 to a request without a token, as it should`);
  if (isTransientStatus(status)) return report("critical", `${asked} answers ${status}`, "The service is there and cannot work now: try again in a moment");
  if (status >= 300 && status < 400) {
    const to = headers.get("location") ?? "";
    const target = URL.canParse(to, url.href) ? new URL(to, url).origin : "nowhere";
    return report("warning", `${asked} sends on to ${target}: the network may want a sign-in of its own, or the address is another`, `Open it in a browser: ${url.origin}`);
  }
  return report("warning", `${asked} answers ${status} to a request without a token, and not 401: this may be another service`, 'Check the address: echo "$SPEC_KITTY_SAAS_URL"');
}

const skewMs = 60_000;
const setClock: Partial<Record<NodeJS.Platform, string>> = { win32: "w32tm /resync", darwin: "sudo sntp -sS time.apple.com" };

/**
 * How far this machine's clock is from the server's.
 * @param here - this machine's time while the answer was made, milliseconds since 1970
 */
export function judgeClock(report: Report, { headers }: Response, here: number): Finding {
  const date = Date.parse(headers.get("date") ?? "");
  if (Number.isNaN(date)) return report("note", "the service does not say what time it is");
  // The header has whole seconds (RFC 9110 §6.6.1): half of one is the best guess at the rest.
  const offset = date + 500 - here;
  const seconds = Math.max(1, Math.round(Math.abs(offset) / 1000));
  if (Math.abs(offset) <= skewMs) return report("ok", `within ${seconds} s of the service's`);
  const said = `this machine's clock is ${seconds} s ${offset > 0 ? "behind" : "ahead of"} the service's. Sessions allow for it; certificates and other programs do not`;
  return report("warning", said, setClock[process.platform] ?? "sudo timedatectl set-ntp true");
}

/** Why a step failed. */
export function failureReason(error: unknown): string {
  if (error instanceof AuthError) return error.message;
  return error instanceof Error && error.name === "TimeoutError" ? "no answer in time" : reasonOf(error);
}
